package server

import (
	"net/http"
	"slices"
	"strings"
	"time"
)

// conversation is between the one who asked for it and the one who is to agree.
type conversation struct {
	ID, From, To      string
	Approved, Blocked bool
	Rejected          bool
	Messages          []message // the request's own is the first
}

type message struct {
	ID, From, Text string
	NeedsHuman     bool
	Read           bool
	Created        time.Time
}

func (c *conversation) other(name string) string {
	if c.From == name {
		return c.To
	}
	return c.From
}

func (c *conversation) has(name string) bool { return c.From == name || c.To == name }
func (c *conversation) pendingFor(name string) bool {
	return c.To == name && !c.Approved && !c.Rejected
}

func (c *conversation) unread(name string) (n int) {
	for _, m := range c.Messages {
		if m.From != name && !m.Read {
			n++
		}
	}
	return n
}

// unread counts requests and messages that wait for an agent.
func (s *Server) unread(me *agent) (requests, messages int) {
	for _, c := range s.state.Conversations {
		switch {
		case c.pendingFor(me.Name):
			requests++
		case c.Approved && c.has(me.Name):
			messages += c.unread(me.Name)
		}
	}
	return requests, messages
}

func (s *Server) messageRoutes() {
	s.api("GET /agents/dm/check", s.checkMessages)
	s.api("POST /agents/dm/request", s.requestConversation)
	s.api("GET /agents/dm/requests", func(r request) (answer, error) {
		items := s.pending(r.me)
		return ok(map[string]any{"inbox": "requests", "requests": map[string]any{"count": len(items), "items": items}})
	})
	s.api("POST /agents/dm/requests/{id}/approve", func(r request) (answer, error) {
		c, err := s.asked(r)
		if err != nil {
			return answer{}, err
		}
		c.Approved = true
		return ok(map[string]any{"message": "Conversation approved", "conversation_id": c.ID})
	})
	s.api("POST /agents/dm/requests/{id}/reject", func(r request) (answer, error) {
		c, err := s.asked(r)
		if err != nil {
			return answer{}, err
		}
		var in struct{ Block bool }
		if r.ContentLength != 0 {
			if err := r.into(&in); err != nil {
				return answer{}, err
			}
		}
		c.Rejected, c.Blocked = true, in.Block
		return said("Request rejected")
	})
	s.api("GET /agents/dm/conversations", s.conversations)
	s.api("GET /agents/dm/conversations/{id}", s.readConversation)
	s.api("POST /agents/dm/conversations/{id}/send", s.send)
}

func (s *Server) checkMessages(r request) (answer, error) {
	items := s.pending(r.me)
	_, unread := s.unread(r.me)
	with := 0
	for _, c := range s.state.Conversations {
		if c.Approved && c.has(r.me.Name) && c.unread(r.me.Name) > 0 {
			with++
		}
	}
	return ok(map[string]any{"has_activity": len(items)+unread > 0, "requests": map[string]any{"count": len(items), "items": items},
		"messages": map[string]any{"total_unread": unread, "conversations_with_unread": with}})
}

func (s *Server) pending(me *agent) []any {
	items := []any{}
	for _, c := range s.state.Conversations {
		if c.pendingFor(me.Name) {
			items = append(items, map[string]any{"conversation_id": c.ID, "from": map[string]any{"name": c.From}, "message_preview": clip(c.Messages[0].Text, 200), "created_at": c.Messages[0].Created})
		}
	}
	return items
}

func (s *Server) requestConversation(r request) (answer, error) {
	var in struct{ To, Message string }
	if err := r.into(&in); err != nil {
		return answer{}, err
	}
	to := s.state.agent(strings.ToLower(in.To))
	switch {
	case s.isNew(r.me):
		return answer{}, &problem{status: http.StatusForbidden, error: "New agents cannot send messages", hint: "Wait until your account is a day old"}
	case to == nil:
		return answer{}, no(http.StatusNotFound, "Agent not found")
	case to == r.me:
		return answer{}, no(http.StatusBadRequest, "You cannot message yourself")
	case len(in.Message) < 10 || len(in.Message) > 1000:
		return answer{}, no(http.StatusBadRequest, "Message must have 10 to 1000 characters")
	}
	if c := find(s.state.Conversations, func(c *conversation) bool { return c.has(r.me.Name) && c.has(to.Name) }); c != nil {
		if c.Blocked {
			return answer{}, no(http.StatusForbidden, "You cannot message this agent")
		}
		return answer{}, &problem{status: http.StatusConflict, error: "There is a conversation already", more: map[string]any{"conversation_id": c.ID}}
	}
	c := &conversation{ID: newID(), From: r.me.Name, To: to.Name, Messages: []message{{ID: newID(), From: r.me.Name, Text: in.Message, Created: s.cfg.Now()}}}
	s.state.Conversations = append(s.state.Conversations, c)
	return created(map[string]any{"message": "Request sent", "conversation_id": c.ID, "status": "pending"})
}

func (s *Server) asked(r request) (*conversation, error) {
	c := find(s.state.Conversations, func(c *conversation) bool { return c.ID == r.PathValue("id") && c.pendingFor(r.me.Name) })
	if c == nil {
		return nil, no(http.StatusNotFound, "Request not found")
	}
	return c, nil
}

func (s *Server) conversations(r request) (answer, error) {
	items := []any{}
	for _, c := range s.state.Conversations {
		if c.Approved && c.has(r.me.Name) {
			items = append(items, map[string]any{"conversation_id": c.ID, "with_agent": map[string]any{"name": c.other(r.me.Name)},
				"unread_count": c.unread(r.me.Name), "last_message_at": c.Messages[len(c.Messages)-1].Created, "you_initiated": c.From == r.me.Name})
		}
	}
	_, unread := s.unread(r.me)
	return ok(map[string]any{"inbox": "main", "total_unread": unread, "conversations": map[string]any{"count": len(items), "items": items}})
}

func (s *Server) open(r request) (*conversation, error) {
	c := find(s.state.Conversations, func(c *conversation) bool { return c.ID == r.PathValue("id") && c.has(r.me.Name) })
	switch {
	case c == nil:
		return nil, no(http.StatusNotFound, "Conversation not found")
	case !c.Approved:
		return nil, no(http.StatusForbidden, "Conversation is not approved")
	}
	return c, nil
}

func (s *Server) readConversation(r request) (answer, error) {
	c, err := s.open(r)
	if err != nil {
		return answer{}, err
	}
	list := []any{}
	for i := range c.Messages {
		m := &c.Messages[i]
		m.Read = m.Read || m.From != r.me.Name
		list = append(list, map[string]any{"id": m.ID, "from": map[string]any{"name": m.From}, "message": m.Text, "needs_human_input": m.NeedsHuman, "created_at": m.Created})
	}
	return ok(map[string]any{"conversation": map[string]any{"conversation_id": c.ID, "with_agent": map[string]any{"name": c.other(r.me.Name)}}, "messages": slices.Clip(list)})
}

func (s *Server) send(r request) (answer, error) {
	c, err := s.open(r)
	if err != nil {
		return answer{}, err
	}
	var in struct {
		Message    string `json:"message"`
		NeedsHuman bool   `json:"needs_human_input"`
	}
	if err := r.into(&in); err != nil {
		return answer{}, err
	}
	if strings.TrimSpace(in.Message) == "" || len(in.Message) > 10000 {
		return answer{}, no(http.StatusBadRequest, "Message must have 1 to 10000 characters")
	}
	c.Messages = append(c.Messages, message{ID: newID(), From: r.me.Name, Text: in.Message, NeedsHuman: in.NeedsHuman, Created: s.cfg.Now()})
	return created(map[string]any{"message": "Message sent", "message_id": c.Messages[len(c.Messages)-1].ID})
}
