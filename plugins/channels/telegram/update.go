package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"

	"github.com/ambithost/ambit/plugins/channels/incoming"
	"github.com/ambithost/ambit/sdk/channel"
)

// The parts of Telegram's objects that are used.
type (
	update struct {
		Message  *message  `json:"message"`
		Callback *callback `json:"callback_query"`
	}
	callback struct {
		ID      string   `json:"id"`
		From    user     `json:"from"`
		Message *message `json:"message"`
		Data    string   `json:"data"`
	}
	user struct {
		ID        int64  `json:"id"`
		IsBot     bool   `json:"is_bot"`
		FirstName string `json:"first_name"`
		LastName  string `json:"last_name"`
		Username  string `json:"username"`
	}
	chat struct {
		ID    int64  `json:"id"`
		Type  string `json:"type"`
		Title string `json:"title"`
	}
	message struct {
		ID       int64       `json:"message_id"`
		From     *user       `json:"from"`
		Chat     chat        `json:"chat"`
		Date     int64       `json:"date"`
		Text     string      `json:"text"`
		Entities []entity    `json:"entities"`
		Caption  string      `json:"caption"`
		CaptionE []entity    `json:"caption_entities"`
		Photo    []fileRef   `json:"photo"`
		Document *fileRef    `json:"document"`
		Forward  *origin     `json:"forward_origin"`
		ViaBot   *user       `json:"via_bot"`
		Voice    *struct{}   `json:"voice"`
		Audio    *struct{}   `json:"audio"`
		Video    *struct{}   `json:"video"`
		Note     *struct{}   `json:"video_note"`
		Motion   *struct{}   `json:"animation"`
		Contact  *struct{}   `json:"contact"`
		Poll     *struct{}   `json:"poll"`
		Sticker  *sticker    `json:"sticker"`
		Location *coordinate `json:"location"`
	}
	sticker    struct{ Emoji string }
	coordinate struct {
		Latitude  float64 `json:"latitude"`
		Longitude float64 `json:"longitude"`
	}
	origin struct {
		User *user  `json:"sender_user"`
		Name string `json:"sender_user_name"`
		From *chat  `json:"sender_chat"`
		Chat *chat  `json:"chat"`
	}
	fileRef struct {
		ID   string `json:"file_id"`
		Name string `json:"file_name"`
		Type string `json:"mime_type"`
		Size int64  `json:"file_size"`
	}
)

// size is how many bytes of files the update will bring.
func (u update) size() int64 {
	if u.Message == nil || u.Message.Chat.Type != "private" {
		return 0
	}
	if f := u.Message.file(); f != nil && f.Size <= channel.MaxFile {
		return max(f.Size, 1)
	}
	return 0
}

// event is what an update tells a host; ok is false where it tells nothing.
func (b bot) event(ctx context.Context, u update, room *int64) (e channel.Event, ok bool) {
	switch {
	case u.Callback != nil:
		return b.pressed(ctx, u.Callback)
	case u.Message == nil || u.Message.Chat.Type != "private" || u.Message.From == nil || u.Message.From.IsBot:
		return e, false
	}
	m := u.Message
	e = channel.Event{
		ID:   fmt.Sprintf("m%d/%d/%d", m.Chat.ID, m.ID, m.Date),
		Chat: channel.Chat{ID: strconv.FormatInt(m.Chat.ID, 10), Direct: true}, From: m.From.person(),
	}
	if m.Date > 0 && m.Date < 1<<35 {
		e.At = time.Unix(m.Date, 0).UTC()
	}
	text := plain(m.Text, m.Entities)
	if text == "" {
		text = plain(m.Caption, m.CaptionE)
	}
	if who := m.author(); who != "" && text != "" {
		// Not the sender's own words: they come as a file does.
		e.Files = append(e.Files, channel.File{Name: "forwarded.txt", Type: "text/plain", Data: []byte(text)})
		text = "[forwarded from " + who + "]"
	}
	why := ""
	if f := m.file(); f != nil {
		var file channel.File
		if file, why = b.fetch(ctx, f, room); why == "" {
			e.Files = append(e.Files, file)
		}
	}
	e.Text = incoming.Clip(incoming.Lines(text, m.other(), why), channel.MaxText)
	return e, e.Text != "" || len(e.Files) > 0
}

// author names who wrote what somebody passed on; "" when it is the sender's
// own.
func (m *message) author() string {
	switch o := m.Forward; {
	case o == nil && m.ViaBot != nil:
		return m.ViaBot.name()
	case o == nil:
		return ""
	case o.User != nil:
		return o.User.name()
	case o.Name != "":
		return incoming.Name(o.Name)
	case o.From != nil:
		return incoming.Name(o.From.Title)
	case o.Chat != nil:
		return incoming.Name(o.Chat.Title)
	}
	return "somebody"
}

// other says what came that this channel can't bring.
func (m *message) other() string {
	switch {
	case m.Sticker != nil:
		return "[sticker " + incoming.Name(m.Sticker.Emoji) + "]"
	case m.Location != nil:
		return fmt.Sprintf("[location %.5f, %.5f]", m.Location.Latitude, m.Location.Longitude)
	case m.Motion != nil: // comes with a document, which is fetched
		return ""
	case m.Voice != nil, m.Audio != nil:
		return "[a voice message or sound, which this channel can't read]"
	case m.Video != nil, m.Note != nil:
		return "[a video, which this channel can't read]"
	case m.Contact != nil:
		return "[a contact, which this channel can't read]"
	case m.Poll != nil:
		return "[a poll, which this channel can't read]"
	}
	return ""
}

func (u user) person() channel.Person {
	return channel.Person{ID: strconv.FormatInt(u.ID, 10), Name: u.name()}
}

// name is how the person calls itself; anybody can choose any.
func (u user) name() string {
	name := u.FirstName + " " + u.LastName
	if u.Username != "" {
		name += " (@" + u.Username + ")"
	}
	if name = incoming.Name(name); name == "" {
		return "somebody"
	}
	return name
}

// plain is a text with the targets of its links, which people see when they
// touch one.
func plain(text string, entities []entity) string {
	if len(entities) == 0 {
		return text
	}
	all := utf16.Encode([]rune(text))
	var out strings.Builder
	at := 0
	for _, e := range entities {
		end := e.Offset + e.Length
		if e.Type != "text_link" || e.Offset < at || e.Length <= 0 || end > len(all) || end < 0 {
			continue
		}
		out.WriteString(string(utf16.Decode(all[at:end])))
		out.WriteString(" (" + incoming.Clip(e.URL, 2000) + ")")
		at = end
	}
	return out.String() + string(utf16.Decode(all[at:]))
}
