package host

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/ambithost/ambit/host/control"
	"github.com/ambithost/ambit/host/policy"
	"github.com/ambithost/ambit/registry"
)

// OrganisationFile names the bundle of policies that an organisation signs.
type OrganisationFile struct {
	// Bundle is oci://host/repository:tag, an https URL, a .tar.gz, or a folder
	// that holds a bundle. Plain http is for this machine only.
	Bundle string `yaml:"bundle"`
	// Key is the public key in PEM: ECDSA on P-256, or RSA.
	Key string `yaml:"key"`
	// Minutes between looking for a new release; 0: 10.
	Minutes int `yaml:"minutes"`
}

// check says what is wrong with the setting.
func (o *OrganisationFile) check() error {
	switch {
	case o == nil:
		return nil
	case o.Bundle == "" || o.Key == "":
		return errors.New("organisation: want bundle and key")
	case o.Minutes < 0:
		return errors.New("organisation: minutes can't be negative")
	}
	if registry.IsReference(o.Bundle) {
		_, err := registry.ParseReference(o.Bundle)
		return err
	}
	if u, isURL := o.url(); isURL && u.Scheme != "https" && !registry.IsHere(u.Hostname()) {
		return fmt.Errorf("organisation: bundle %s: want https", u.Redacted())
	}
	return nil
}

// url tells whether the bundle is got over HTTP.
func (o *OrganisationFile) url() (*url.URL, bool) {
	u, err := url.Parse(o.Bundle)
	return u, err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != ""
}

// fetchTime is how long one look for a release may take.
const fetchTime = 30 * time.Second

// fetch gets the newest release. Nothing about it is verified yet.
func (o *OrganisationFile) fetch(ctx context.Context) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTime)
	defer cancel()
	if registry.IsReference(o.Bundle) {
		ref, err := registry.ParseReference(o.Bundle)
		if err != nil {
			return nil, err
		}
		return registry.OCI{}.Layer(ctx, ref, registry.BundleLayer, policy.MaxBundle)
	}
	if u, isURL := o.url(); isURL {
		return registry.Get(ctx, u, policy.MaxBundle)
	}
	info, err := os.Stat(o.Bundle)
	if err == nil && info.IsDir() {
		return policy.PackBundle(o.Bundle)
	}
	if err == nil && info.Size() > policy.MaxBundle {
		return nil, fmt.Errorf("%s is larger than %d bytes", o.Bundle, policy.MaxBundle)
	}
	return os.ReadFile(o.Bundle) //nolint:gosec // the owner names it in ambit.yaml
}

// orgLayer is the organisation's layer, if there is one: the last release that
// was found good.
func (h *Host) orgLayer() []policy.Layer {
	if h.file.Organisation == nil {
		return nil
	}
	return []policy.Layer{{Name: "org", Dir: h.path(filepath.Join("policy.org", "bundle.tar.gz")), Bundle: &policy.Bundle{Key: h.file.Organisation.Key}}}
}

// renew looks for a new release and keeps it if it is good. What is wrong is
// told to the owner and leaves the last good one.
func (h *Host) renew(ctx context.Context) (changed bool, err error) {
	raw, err := h.file.Organisation.fetch(ctx)
	if err == nil {
		changed, err = policy.AcceptBundle(h.orgLayer()[0], raw)
	}
	h.notices.clear("organisation")
	if err != nil {
		h.log.Error("the organisation's policies were not renewed; the last good ones stay in force", "error", err)
		h.notices.set("organisation", control.Notice{
			Message: "The organisation's policies were not renewed; the last good ones stay in force: " + err.Error(),
			Hint:    "ambit policy",
		})
	}
	return changed, err
}

// openOrganisation gets the layer before the engine opens. Without any release
// that was ever good the host does not start: that would lift what the
// organisation says.
func (h *Host) openOrganisation(ctx context.Context) error {
	if h.file.Organisation == nil {
		return nil
	}
	_, err := h.renew(ctx)
	if _, statErr := os.Stat(h.orgLayer()[0].Dir); statErr != nil {
		return fmt.Errorf("organisation: no good bundle of policies was ever got: %w", errors.Join(err, statErr))
	}
	return nil
}

// followOrganisation looks for new releases until the host closes.
func (h *Host) followOrganisation(ctx context.Context) {
	if h.file.Organisation == nil {
		return
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan struct{})
	h.onClose(func() error { cancel(); <-done; return nil })
	every := time.Duration(h.file.Organisation.Minutes) * time.Minute
	if every == 0 {
		every = 10 * time.Minute
	}
	go func() {
		defer close(done)
		tick := time.NewTicker(every)
		defer tick.Stop()
		h.renewAt(ctx, tick.C)
	}()
}

// renewAt looks for a new release at each tick, and puts it in force.
func (h *Host) renewAt(ctx context.Context, ticks <-chan time.Time) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticks:
			if changed, err := h.renew(ctx); err == nil && changed {
				_ = h.policy.Reload(ctx) // said by Reload to the log and the owner
			}
		}
	}
}
