package registry

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/registry/remote/auth"
)

const (
	maxTries = 4                // of one blob, each from where the last one ended
	stallFor = 30 * time.Second // without a byte, a try is over
)

// errPermanent marks what another try would not mend.
var errPermanent = errors.New("registry: refused")

// errRange is a server that does not know what lies behind the part that is here.
var errRange = errors.New("it does not know the rest")

// partName is the file of a part: two repositories may hold the same blob, and are
// fetched from at the same time.
func partName(ref Reference, d digest.Digest) string {
	return strings.TrimPrefix(Digest([]byte(ref.Repository())), "sha256:")[:16] + "-" + d.Encoded()
}

// download gets a blob into a file of a folder, named for its digest. What an
// earlier try left there is gone on from: the digest says whether the parts are one
// whole, and parts that are not are deleted. progress is told how many bytes there
// are; it may be nil.
type download struct {
	client   *auth.Client
	ref      Reference
	dir      string
	progress func(int64)
}

// get returns the blob and deletes the file.
func (d download) get(ctx context.Context, blob ocispec.Descriptor) ([]byte, error) {
	path := filepath.Join(d.dir, partName(d.ref, blob.Digest))
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600) //nolint:gosec // a digest in a folder of the owner's home
	if err != nil {
		return nil, fmt.Errorf("registry: %w", err)
	}
	defer f.Close()
	var errs error
	for try := range maxTries {
		err := d.more(ctx, f, blob)
		if err == nil {
			b, err := whole(f, blob)
			return b, errors.Join(err, os.Remove(path))
		}
		errs = errors.Join(errs, fmt.Errorf("try %d: %w", try+1, err))
		if ctx.Err() != nil || errors.Is(err, errPermanent) || errors.Is(err, errElsewhere) {
			break
		}
	}
	if errors.Is(errs, errPermanent) || errors.Is(errs, errElsewhere) {
		errs = errors.Join(errs, os.Remove(path))
	}
	return nil, fmt.Errorf("registry: %s: a %s: %w", d.ref, blob.MediaType, errs)
}

// whole reads what was written, if it is what the digest says.
func whole(f *os.File, blob ocispec.Descriptor) ([]byte, error) {
	b := make([]byte, blob.Size)
	if _, err := f.ReadAt(b, 0); err != nil && (!errors.Is(err, io.EOF) || blob.Size > 0) {
		return nil, fmt.Errorf("registry: %w", err)
	}
	if sum := sha256.Sum256(b); hex.EncodeToString(sum[:]) != blob.Digest.Encoded() {
		return nil, fmt.Errorf("registry: digest mismatch: a %s is not what its digest says (%s); nothing of it is kept", blob.MediaType, blob.Digest)
	}
	return b, nil
}

// more appends to the file what it lacks, in one request.
func (d download) more(ctx context.Context, f *os.File, blob ocispec.Descriptor) error {
	have, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	if have > blob.Size { // left by who knows what
		have = 0
		if err := errors.Join(f.Truncate(0), rewind(f)); err != nil {
			return err
		}
	}
	if have == blob.Size {
		return nil
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stall := time.AfterFunc(stallFor, func() { cancel(fmt.Errorf("no byte came for %s", stallFor)) })
	defer stall.Stop()
	res, err := d.ask(ctx, blob, have)
	if errors.Is(err, errRange) {
		return errors.Join(err, f.Truncate(0))
	}
	if err != nil {
		return errors.Join(err, cause(ctx))
	}
	defer res.Body.Close()
	if res.StatusCode == http.StatusOK && have > 0 { // it knows no ranges: all anew
		have = 0
		if err := errors.Join(f.Truncate(0), rewind(f)); err != nil {
			return err
		}
	}
	n, err := io.Copy(f, &watched{r: io.LimitReader(res.Body, blob.Size-have+1), seen: func(n int) {
		stall.Reset(stallFor)
		have += int64(n)
		if d.progress != nil {
			d.progress(min(have, blob.Size))
		}
	}})
	if have > blob.Size {
		return fmt.Errorf("%w: it is longer than the %d bytes that it says", errPermanent, blob.Size)
	}
	if err == nil && have < blob.Size {
		err = fmt.Errorf("it ended after %d of %d bytes: %w", have, blob.Size, io.ErrUnexpectedEOF)
	}
	if err != nil && n == 0 {
		err = fmt.Errorf("nothing came: %w", err)
	}
	return errors.Join(err, cause(ctx))
}

// cause is why a request was given up, if it was.
func cause(ctx context.Context) error {
	if err := context.Cause(ctx); !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

func rewind(f *os.File) error {
	_, err := f.Seek(0, io.SeekStart)
	return err
}

// ask requests a blob from a byte on.
func (d download) ask(ctx context.Context, blob ocispec.Descriptor, from int64) (*http.Response, error) {
	u := originOf(d.ref.at.Host())
	u.Path = "/v2/" + d.ref.at.Repository + "/blobs/" + blob.Digest.String()
	ctx = auth.AppendRepositoryScope(ctx, d.ref.at, auth.ActionPull)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, err
	}
	if from > 0 {
		req.Header.Set("Range", fmt.Sprintf("bytes=%d-%d", from, blob.Size-1)) // the end too: not all know it open
	}
	res, err := d.client.Do(req)
	if err != nil {
		return nil, err
	}
	switch res.StatusCode {
	case http.StatusOK:
		return res, nil
	case http.StatusPartialContent:
		if strings.HasPrefix(res.Header.Get("Content-Range"), fmt.Sprintf("bytes %d-", from)) {
			return res, nil
		}
		err = fmt.Errorf("%w: asked for bytes from %d on, it answers with %s", errPermanent, from, quoted(res.Header.Get("Content-Range")))
	case http.StatusRequestedRangeNotSatisfiable:
		err = errRange
	case http.StatusNotFound, http.StatusUnauthorized, http.StatusForbidden:
		err = fmt.Errorf("%w: it answers %s", errPermanent, res.Status)
	default:
		err = fmt.Errorf("it answers %s", res.Status)
	}
	return nil, errors.Join(err, res.Body.Close())
}

// watched tells of each piece that is read.
type watched struct {
	r    io.Reader
	seen func(int)
}

func (w *watched) Read(b []byte) (int, error) {
	n, err := w.r.Read(b)
	if n > 0 {
		w.seen(n)
	}
	return n, err
}

// oneAtATime holds back a second download of the same thing.
type oneAtATime struct {
	mu    sync.Mutex
	under map[string]chan struct{}
}

// lock waits for a name; unlock lets the next one go on.
func (o *oneAtATime) lock(ctx context.Context, name string) (unlock func(), err error) {
	for {
		o.mu.Lock()
		busy, taken := o.under[name]
		if !taken {
			mine := make(chan struct{})
			if o.under == nil {
				o.under = map[string]chan struct{}{}
			}
			o.under[name] = mine
			o.mu.Unlock()
			return func() {
				o.mu.Lock()
				defer o.mu.Unlock()
				delete(o.under, name)
				close(mine)
			}, nil
		}
		o.mu.Unlock()
		select {
		case <-busy:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}
