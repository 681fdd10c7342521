package agent

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/ambithost/ambit/sdk/model"
	"github.com/ambithost/ambit/sdk/protocol"
)

// ImageRef names an image that a store keeps. Histories hold references: the
// bytes are kept once, apart from them, and read when a model is given them.
type ImageRef struct {
	Digest string `json:"digest"` // SHA-256 in hex
	MIME   string `json:"mime"`
	Size   int    `json:"size"` // bytes
}

// KeptImages is how many images a session keeps; of older ones the reference
// is left.
const KeptImages = 32

// Images keeps the bytes of images.
type Images interface {
	// KeepImages stores images of a session, and lets go of those beyond its
	// newest keep.
	KeepImages(ctx context.Context, session string, keep int, images []model.Image, refs []ImageRef) error
	// Image returns the bytes; found is false when they are no longer kept.
	Image(ctx context.Context, session, digest string) (data []byte, found bool, err error)
}

// refsOf checks the images of a message.
func refsOf(images []model.Image) ([]ImageRef, error) {
	if len(images) > model.MaxImages {
		return nil, protocol.Errorf(protocol.Limit, "the message has %d images, the limit is %d", len(images), model.MaxImages)
	}
	var refs []ImageRef
	total := 0
	for i, image := range images {
		if err := image.Check(); err != nil {
			return nil, protocol.Errorf(protocol.CodeOf(err), "image %d: %v", i+1, err)
		}
		if total += len(image.Data); total > model.MaxImageBytes {
			return nil, protocol.Errorf(protocol.Limit, "the images of the message have more than %d bytes together", model.MaxImageBytes)
		}
		sum := sha256.Sum256(image.Data)
		refs = append(refs, ImageRef{Digest: hex.EncodeToString(sum[:]), MIME: image.MIME, Size: len(image.Data)})
	}
	return refs, nil
}

// tokensOfImage is a guess between what providers count for a photo.
const tokensOfImage = 1500

// view puts a message's images in, as far as they fit into left bytes; for the
// others its text says that they were there.
func (t *turn) view(ctx context.Context, e Entry, left *int) (model.Message, error) {
	m := e.Message
	missing := 0
	for _, ref := range e.Images {
		if t.path.blind || ref.Size > *left {
			missing++
			continue
		}
		data, found, err := t.a.cfg.Store.Image(ctx, t.Session, ref.Digest)
		if err != nil {
			return m, err
		}
		if !found {
			missing++
			continue
		}
		*left -= ref.Size
		m.Images = append(m.Images, model.Image{MIME: ref.MIME, Data: data})
	}
	if missing > 0 {
		note := fmt.Sprintf("[%d of %d images are left out here]", missing, len(e.Images))
		if len(e.Images) == 1 {
			note = "[an image is left out here]"
		}
		if m.Text != "" {
			note = "\n" + note
		}
		m.Text += note
	}
	return m, nil
}

func hasImages(req model.Request) bool {
	for _, m := range req.Messages {
		if len(m.Images) > 0 {
			return true
		}
	}
	return false
}
