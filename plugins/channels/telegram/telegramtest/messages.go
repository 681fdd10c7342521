package telegramtest

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
)

// Entity marks a part of a text, in UTF-16 code units.
type Entity struct {
	Type     string `json:"type"`
	Offset   int    `json:"offset"`
	Length   int    `json:"length"`
	URL      string `json:"url,omitempty"`
	Language string `json:"language,omitempty"`
}

// Keyboard is buttons below a message.
type Keyboard struct {
	Rows [][]Button `json:"inline_keyboard"`
}

// Button is one of them.
type Button struct {
	Text string `json:"text"`
	Data string `json:"callback_data"`
}

// Message is one that the bot sent, as it stands after edits.
type Message struct {
	ID       int64
	Chat     int64
	Text     string
	Entities []Entity
	Keyboard *Keyboard
	Edits    int
	Preview  string // link_preview_options as given
}

// Marked lists the parts of a text that entities mark, as "type:part".
func (m Message) Marked() []string {
	all := utf16.Encode([]rune(m.Text))
	var out []string
	for _, e := range m.Entities {
		out = append(out, e.Type+":"+string(utf16.Decode(all[e.Offset:e.Offset+e.Length])))
	}
	return out
}

func itoa(n int) string { return strconv.Itoa(n) }

// sendMessage checks as the original does and keeps the message.
func (s *Server) sendMessage(method string, args arguments) answer {
	if a := s.reachable(args.Chat); !a.OK {
		return a
	}
	units := utf16.Encode([]rune(args.Text))
	switch {
	case strings.TrimSpace(args.Text) == "":
		return no(400, "Bad Request: message text is empty")
	case len(units) > 4096:
		return no(400, "Bad Request: message is too long")
	}
	if why := badEntities(units, args.Entities); why != "" {
		return no(400, "Bad Request: can't parse entities: "+why)
	}
	if args.Markup != nil {
		for _, row := range args.Markup.Rows {
			for _, b := range row {
				if b.Text == "" || len(b.Data) < 1 || len(b.Data) > 64 {
					return no(400, "Bad Request: BUTTON_DATA_INVALID")
				}
			}
		}
	}
	m := Message{ID: args.Message, Chat: args.Chat, Text: args.Text, Entities: args.Entities[:min(len(args.Entities), 100)], Keyboard: args.Markup, Preview: string(args.Preview)}
	if method == "sendMessage" {
		s.lastMsg++
		m.ID = s.lastMsg
		s.messages = append(s.messages, m)
		return s.taken(m)
	}
	i := slices.IndexFunc(s.messages, func(o Message) bool { return o.ID == m.ID && o.Chat == m.Chat })
	if i < 0 {
		return no(400, "Bad Request: message to edit not found")
	}
	old := s.messages[i]
	if old.Text == m.Text && slices.Equal(old.Entities, m.Entities) && (old.Keyboard == nil) == (m.Keyboard == nil) {
		return no(400, "Bad Request: message is not modified: specified new message content and reply markup are exactly the same as a current content and reply markup of the message")
	}
	m.Edits = old.Edits + 1
	s.messages[i] = m
	return s.taken(m)
}

func (s *Server) taken(m Message) answer {
	return answer{OK: true, Result: map[string]any{"message_id": m.ID, "date": s.now().Unix(), "text": m.Text, "chat": map[string]any{"id": m.Chat, "type": "private"}}}
}

func (s *Server) reachable(chat int64) answer {
	switch _, known := s.users[chat]; {
	case !known:
		return no(400, "Bad Request: chat not found")
	case s.blocked[chat]:
		return no(403, "Forbidden: bot was blocked by the user")
	}
	return answer{OK: true}
}

// badEntities holds entities to the text, to whole characters, and to the rule
// that code holds no other.
func badEntities(units []uint16, list []Entity) string {
	for i, e := range list {
		end := e.Offset + e.Length
		switch {
		case e.Offset < 0 || e.Length <= 0 || end > len(units):
			return "entity beyond the text at " + itoa(e.Offset)
		case low(units, e.Offset) || low(units, end):
			return "entity cuts a character at " + itoa(e.Offset)
		case !slices.Contains([]string{"bold", "italic", "underline", "strikethrough", "spoiler", "blockquote", "code", "pre", "text_link"}, e.Type):
			return "unknown type " + e.Type
		case e.Type == "text_link" && e.URL == "":
			return "text_link without url"
		}
		for _, o := range list[i+1:] {
			if o.Offset < end && o.Offset+o.Length > end {
				return "entities cross"
			}
			if o.Offset < end && (e.Type == "code" || e.Type == "pre") {
				return "entity in code"
			}
		}
	}
	return ""
}

// low reports whether the unit is the second of a pair.
func low(units []uint16, at int) bool {
	return at < len(units) && units[at] >= 0xDC00 && units[at] < 0xE000
}

func (s *Server) chatAction(args arguments) answer {
	if a := s.reachable(args.Chat); !a.OK {
		return a
	}
	if args.Action != "typing" {
		return no(400, "Bad Request: wrong parameter action in request")
	}
	s.actions = append(s.actions, args.Action)
	return answer{OK: true, Result: true}
}

// Messages returns what the bot sent, in order.
func (s *Server) Messages() []Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.messages)
}

// Actions returns the chat actions shown so far.
func (s *Server) Actions() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.actions)
}

// Answered returns the text that each callback query was answered with, and
// how many still show as busy.
func (s *Server) Answered() (texts []string, busy int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, text := range s.answered {
		texts = append(texts, text)
	}
	return texts, len(s.open)
}
