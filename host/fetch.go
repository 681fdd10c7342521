package host

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/mod/semver"

	"github.com/ambithost/ambit/host/audit"
	"github.com/ambithost/ambit/host/control"
	"github.com/ambithost/ambit/registry"
	"github.com/ambithost/ambit/registry/trust"
	"github.com/ambithost/ambit/sdk/protocol"
)

// arrival is a plugin that came from a registry, with what is known of who made it.
type arrival struct {
	fetched  *registry.Fetched
	by       *registry.SignedBy // nil: it is not signed
	standing trust.Standing
}

// publishers is the book of whose key is whose. One that can't be read lets no
// plugin in from any registry; what is installed goes on.
type publishers struct {
	book *trust.Book
	err  error
}

func (p *publishers) open(path string) { p.book, p.err = trust.OpenBook(path) }

func (p *publishers) use() (*trust.Book, error) {
	if p.err != nil {
		return nil, protocol.Errorf(protocol.Unavailable, "whose keys are known can't be read, so nothing can be installed from a registry: %v", p.err)
	}
	return p.book, nil
}

// downloads are the previews that are being made, for whoever waits for one.
type downloads struct {
	mu   sync.Mutex
	next int
	list map[int]*control.Download
}

// begin tells of one; done ends it.
func (d *downloads) begin(what string) (set func(stage string, done, all int64), end func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.list == nil {
		d.list = map[int]*control.Download{}
	}
	d.next++
	id := d.next
	d.list[id] = &control.Download{What: what, Stage: "resolve"}
	set = func(stage string, done, all int64) {
		d.mu.Lock()
		defer d.mu.Unlock()
		v := d.list[id]
		v.Stage, v.Done = stage, done
		if all > 0 {
			v.All = all
		}
	}
	return set, func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		delete(d.list, id)
	}
}

// Downloads are what previews that are being made are doing.
func (b backend) Downloads(context.Context) ([]control.Download, error) {
	b.downloads.mu.Lock()
	defer b.downloads.mu.Unlock()
	out := []control.Download{}
	for _, v := range b.downloads.list {
		out = append(out, *v)
	}
	return out, nil
}

// arrive fetches a plugin from its registry and sees who made it. Nothing of it is
// on disk after it but parts of a download that was cut off.
func (b backend) arrive(ctx context.Context, req control.PreviewRequest, set func(string, int64, int64)) (*arrival, error) {
	book, err := b.publishers.use()
	if err != nil {
		return nil, err
	}
	ref, err := b.reference(ctx, req)
	if err != nil {
		return nil, err
	}
	if err := b.mayReplace(ref); err != nil {
		return nil, err
	}
	f, err := b.registry.Pull(ctx, b.oci(), ref, func(done, all int64) { set("download", done, all) })
	if err != nil {
		return nil, protocol.Errorf(protocol.Invalid, "%v. Nothing was installed.", err)
	}
	a := &arrival{fetched: f}
	if a.by, a.standing, err = f.Judge(book); err != nil {
		return nil, protocol.Errorf(protocol.Denied, "%v. Nothing was installed. If the publisher tells you by other means that this is right: ambit key forget %s", err, ref.Namespace())
	}
	if a.standing == trust.Rotated {
		known, _ := book.Lookup(ref.Namespace())
		if err := b.revocations.mayHandOver(ref.Repository(), known.KeyID); err != nil {
			return nil, err
		}
	}
	if a.by == nil && !req.AllowUnsigned {
		why := "nobody signed it"
		if f.Keyless {
			why = "it is signed by a certificate and no key, which this Ambit does not verify"
		}
		return nil, protocol.Errorf(protocol.Denied, "%s: %s, so nobody can tell who made it. Nothing was installed. To take it all the same: --allow-unsigned", ref.Short(), why)
	}
	return a, nil
}

func (b backend) oci() registry.OCI { return registry.OCI{} }

// reference is what a request means: what it names, or the newest version of what
// is installed.
func (b backend) reference(ctx context.Context, req control.PreviewRequest) (registry.Reference, error) {
	if req.Upgrade == "" {
		ref, err := registry.ParsePlugin(req.Ref)
		if err != nil {
			return ref, protocol.Errorf(protocol.Invalid, "%v", err)
		}
		return ref, nil
	}
	e, ok := b.registry.Lookup(req.Upgrade)
	switch {
	case !ok:
		return registry.Reference{}, protocol.Errorf(protocol.NotFound, "no plugin %q is installed (ambit plugin list)", req.Upgrade)
	case e.Repository == "":
		return registry.Reference{}, protocol.Errorf(protocol.Invalid, "%s did not come from a registry (but from %s): install it again from there", e.Name, e.Source)
	}
	ref, err := registry.ParsePlugin(e.Repository + "@" + e.Artifact)
	if err != nil {
		return ref, err
	}
	versions, err := b.oci().Versions(ctx, ref)
	if err != nil {
		return ref, protocol.Errorf(protocol.Unavailable, "%v", err)
	}
	// Versions before a release are for who asks for them by name.
	versions = slices.DeleteFunc(versions, func(v string) bool {
		return semver.Prerelease("v"+v) != "" || semver.Compare("v"+v, "v"+e.Version) <= 0
	})
	if len(versions) == 0 {
		return ref, nil // what is installed
	}
	return ref.At(versions[0])
}

// mayReplace refuses to put one publisher's plugin in the place of another's: what
// the first one stored, and what the owner knows it by, is not the second one's.
func (b backend) mayReplace(ref registry.Reference) error {
	e, ok := b.registry.Lookup(ref.Name())
	if ok && e.Repository != "" && e.Repository != ref.Repository() {
		return protocol.Errorf(protocol.Denied, "%s is installed from %s, and this is another publisher's of the same name. To change over: ambit plugin remove %s, which deletes what it stored", e.Name, e.Repository, e.Name)
	}
	return nil
}

// tell writes on the consent sheet where a plugin came from.
func (a *arrival) tell(p *control.Preview, book *trust.Book) {
	f := a.fetched
	p.Publisher, p.Artifact, p.Standing = f.Ref.Namespace(), f.Digest, string(a.standing)
	if a.by == nil {
		p.Notes = append(p.Notes, "nobody signed it: whoever can write to its registry can change it")
		return
	}
	p.Signed, p.Signer = true, a.by.KeyID
	known, _ := book.Lookup(f.Ref.Namespace())
	p.KeySeen = known.FirstSeen
	switch a.standing {
	case trust.New:
		p.Notes = append(p.Notes, fmt.Sprintf("%s is new to you: this key is taken for theirs from now on", f.Ref.Namespace()))
	case trust.Rotated:
		p.Notes = append(p.Notes, "its publisher has a new key, which the one known so far signed")
	}
}

// remember takes the key for the publisher's, once the owner has agreed.
func (a *arrival) remember(book *trust.Book, now time.Time) error {
	if a == nil || a.by == nil {
		return nil
	}
	err := book.Remember(a.fetched.Ref.Namespace(), a.by.Verified, now)
	if errors.Is(err, trust.ErrOtherKey) {
		return protocol.Errorf(protocol.Denied, "%v. Nothing was installed.", err)
	}
	return err
}

// Publishers are those whose keys are known.
func (b backend) Publishers(context.Context) ([]control.Publisher, error) {
	book, err := b.publishers.use()
	if err != nil {
		return nil, err
	}
	out := []control.Publisher{}
	for _, p := range book.List() {
		out = append(out, control.Publisher{Namespace: p.Namespace, Key: p.KeyID, FirstSeen: p.FirstSeen, Earlier: p.Earlier})
	}
	return out, nil
}

// ForgetPublisher lets the next key of a publisher be the first.
func (b backend) ForgetPublisher(ctx context.Context, namespace string) error {
	b.touch()
	book, err := b.publishers.use()
	if err != nil {
		return err
	}
	p, ok := book.Lookup(namespace)
	if !ok {
		return protocol.Errorf(protocol.NotFound, "no key of %q is known (ambit key known)", namespace)
	}
	r := audit.Record{Kind: audit.Configure, Actor: "owner", Resource: namespace, Detail: "forgot the publisher's key " + p.KeyID}
	if _, err := b.audit.Append(ctx, r, nil, true); err != nil {
		return fmt.Errorf("nothing was changed: %w", err)
	}
	return book.Forget(namespace)
}
