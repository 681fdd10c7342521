package control

import (
	"context"
	"net/http"
)

// Notes implements [Rememberer].
func (c *Client) Notes(ctx context.Context, q NoteQuery) (*NoteList, error) {
	return get[NoteList](ctx, c, q.values(), "notes")
}

// Note implements [Rememberer].
func (c *Client) Note(ctx context.Context, agent, name string) (*NoteInfo, error) {
	return get[NoteInfo](ctx, c, NoteQuery{Agent: agent}.values(), "notes", name)
}

// WriteNote implements [NoteEditor].
func (c *Client) WriteNote(ctx context.Context, name string, req NoteChange) (*NoteInfo, error) {
	return change[NoteInfo](ctx, c, http.MethodPut, req, "notes", name)
}

// LookBack implements [NoteEditor].
func (c *Client) LookBack(ctx context.Context, req LookbackRequest) (*Lookback, error) {
	return change[Lookback](ctx, c, http.MethodPost, req, "lookback")
}

// ForgetNote implements [NoteEditor].
func (c *Client) ForgetNote(ctx context.Context, name string, req ForgetRequest) (*Forgotten, error) {
	return change[Forgotten](ctx, c, http.MethodPost, req, "notes", name, "forget")
}
