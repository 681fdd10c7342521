package main

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"strings"

	"github.com/ambithost/ambit/plugins/channels/incoming"
	"github.com/ambithost/ambit/sdk/channel"
	"github.com/ambithost/ambit/sdk/protocol"
)

// maxFiles is how many bytes of files one poll brings at most; what a call
// gives back has a limit of 16 MiB, and base64 takes a third more.
const maxFiles = 8 << 20

// file is the one that came with a message: of a photo the largest size that
// may be brought.
func (m *message) file() *fileRef {
	if m.Document != nil {
		return m.Document
	}
	var best *fileRef
	for i := range m.Photo {
		p := &m.Photo[i]
		if p.Size <= channel.MaxFile && (best == nil || p.Size >= best.Size) {
			best = p
		}
	}
	if best == nil && len(m.Photo) > 0 {
		best = &m.Photo[0]
	}
	if best != nil {
		best.Name, best.Type = "photo.jpg", "image/jpeg"
	}
	return best
}

// fetch brings a file, or says why not: a message is worth more than the file
// that came with it.
func (b bot) fetch(ctx context.Context, f *fileRef, room *int64) (channel.File, string) {
	name := incoming.FileName(f.Name)
	no := func(format string, a ...any) (channel.File, string) {
		return channel.File{}, "[" + name + " was not fetched: " + fmt.Sprintf(format, a...) + "]"
	}
	if f.Size > channel.MaxFile {
		return no("%.1f MB, more than the %d MB that this channel brings", float64(f.Size)/(1<<20), channel.MaxFile>>20)
	}
	var found struct {
		Path string `json:"file_path"`
	}
	if err := b.get(ctx, "getFile", url.Values{"file_id": {incoming.Clip(f.ID, 1000)}}, &found); err != nil {
		return no("%s", incoming.Line(err.Error()))
	}
	data, err := b.download(ctx, found.Path)
	if err != nil {
		return no("%s", incoming.Line(err.Error()))
	}
	*room -= int64(len(data))
	return channel.File{Name: name, Type: incoming.MediaType(f.Type), Data: data}, ""
}

func (b bot) download(ctx context.Context, where string) ([]byte, error) {
	var segments []string
	for _, s := range strings.Split(where, "/") {
		if s == "" || strings.Trim(s, ".") == "" {
			return nil, protocol.Errorf(protocol.Failed, "getFile named no path of a file")
		}
		segments = append(segments, url.PathEscape(s))
	}
	r := b.request("GET", "/file", strings.Join(segments, "/"), nil, patience)
	r.Stream = true
	resp, err := b.h.HTTP(ctx, r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.Status != 200 {
		return nil, &failure{method: "the download", status: resp.Status}
	}
	data, err := io.ReadAll(io.LimitReader(resp.Body, channel.MaxFile+1))
	if err == nil && len(data) > channel.MaxFile {
		err = protocol.Errorf(protocol.Limit, "more than the %d MB that this channel brings", channel.MaxFile>>20)
	}
	return data, err
}
