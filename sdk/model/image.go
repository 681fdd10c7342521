package model

import (
	"bytes"

	"github.com/ambithost/ambit/sdk/protocol"
)

// Image is a picture that goes with the text of a [User] message.
type Image struct {
	MIME string `json:"mime"` // image/png, image/jpeg, image/gif or image/webp
	Data []byte `json:"data"` // base64 in JSON
}

// Bounds of images. A request crosses two protocols whose messages end at 16
// MiB, and base64 makes four bytes of three.
const (
	MaxImage      = 5 << 20 // bytes of one
	MaxImages     = 16      // of one message
	MaxImageBytes = 7 << 20 // of all images in a request together
)

// Check says what is wrong with an image: its size, a type that not every
// provider takes, or bytes that are of another type than they claim.
func (i Image) Check() error {
	if len(i.Data) > MaxImage {
		return protocol.Errorf(protocol.Limit, "the image has %d bytes, the limit is %d", len(i.Data), MaxImage)
	}
	switch kind := sniff(i.Data); kind {
	case "":
		return protocol.Errorf(protocol.Invalid, "the image is no PNG, JPEG, GIF or WebP")
	case i.MIME:
		return nil
	default:
		return protocol.Errorf(protocol.Invalid, "the image is %s and not what it is called", kind)
	}
}

// ImageOf makes an image of bytes, whose type it finds out itself.
func ImageOf(data []byte) (Image, error) {
	i := Image{MIME: sniff(data), Data: data}
	return i, i.Check()
}

// sniff tells a type by how files of it begin; "" is none of the four.
func sniff(b []byte) string {
	switch {
	case bytes.HasPrefix(b, []byte("\x89PNG\r\n\x1a\n")):
		return "image/png"
	case bytes.HasPrefix(b, []byte("\xff\xd8\xff")):
		return "image/jpeg"
	case bytes.HasPrefix(b, []byte("GIF87a")), bytes.HasPrefix(b, []byte("GIF89a")):
		return "image/gif"
	case len(b) >= 12 && string(b[:4]) == "RIFF" && string(b[8:12]) == "WEBP":
		return "image/webp"
	}
	return ""
}

// NoVision is the error of a model that can't read images: its code is invalid,
// whatever the provider's own error looks like. The host then asks another
// model, or this one without the images.
func NoVision(who string) error {
	return protocol.Errorf(protocol.Invalid, "%s can't read images: ask a model that can, or describe them", who)
}
