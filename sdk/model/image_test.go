package model_test

import (
	"strings"
	"testing"

	"github.com/ambithost/ambit/sdk/model"
	"github.com/ambithost/ambit/sdk/protocol"
)

func TestImage(t *testing.T) {
	t.Parallel()
	const png = "\x89PNG\r\n\x1a\n"
	for name, c := range map[string]struct {
		image model.Image
		code  protocol.Code // "": good
	}{
		"png":     {model.Image{MIME: "image/png", Data: []byte(png + "x")}, ""},
		"jpeg":    {model.Image{MIME: "image/jpeg", Data: []byte("\xff\xd8\xff\xe0")}, ""},
		"gif":     {model.Image{MIME: "image/gif", Data: []byte("GIF89a..")}, ""},
		"webp":    {model.Image{MIME: "image/webp", Data: []byte("RIFF\x00\x00\x00\x00WEBPVP8 ")}, ""},
		"svg":     {model.Image{MIME: "image/svg+xml", Data: []byte("<svg/>")}, protocol.Invalid},
		"a lie":   {model.Image{MIME: "image/jpeg", Data: []byte(png)}, protocol.Invalid},
		"nothing": {model.Image{MIME: "image/png"}, protocol.Invalid},
		"a wav":   {model.Image{MIME: "image/webp", Data: []byte("RIFF\x00\x00\x00\x00WAVEfmt ")}, protocol.Invalid},
		"large":   {model.Image{MIME: "image/png", Data: []byte(png + strings.Repeat("x", model.MaxImage))}, protocol.Limit},
	} {
		err := c.image.Check()
		if (err == nil) != (c.code == "") || err != nil && protocol.CodeOf(err) != c.code {
			t.Errorf("%s: %v", name, err)
		}
		if found, err := model.ImageOf(c.image.Data); err == nil && found.MIME != c.image.MIME && name != "a lie" {
			t.Errorf("%s: found out as %s", name, found.MIME)
		}
	}
}
