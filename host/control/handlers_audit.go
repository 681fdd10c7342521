package control

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/ambithost/ambit/sdk/protocol"
)

// Pages of the log, in entries.
const (
	defaultPage = 100
	maxPage     = 1000
)

// auditFields maps a query parameter to its text field; the rest of the
// parameters are numbers and a time.
func auditFields(q *AuditQuery) map[string]*string {
	return map[string]*string{
		"kind": &q.Kind, "actor": &q.Actor, "plugin": &q.Plugin, "capability": &q.Capability,
		"session": &q.Session, "verdict": &q.Verdict, "effect": &q.Effect,
	}
}

func auditParams() []string {
	names := []string{"from", "last", "limit", "since"}
	for name := range auditFields(new(AuditQuery)) {
		names = append(names, name)
	}
	return names
}

// values is the query's form on the wire; parseAuditQuery reads it.
func (q AuditQuery) values() url.Values {
	v := url.Values{}
	for name, field := range auditFields(&q) {
		if *field != "" {
			v.Set(name, *field)
		}
	}
	if q.From != 0 {
		v.Set("from", strconv.FormatInt(q.From, 10))
	}
	if q.Last != 0 {
		v.Set("last", strconv.Itoa(q.Last))
	}
	if q.Limit != 0 {
		v.Set("limit", strconv.Itoa(q.Limit))
	}
	if !q.Since.IsZero() {
		v.Set("since", q.Since.UTC().Format(time.RFC3339Nano))
	}
	return v
}

func parseAuditQuery(v url.Values) (q AuditQuery, err error) {
	for name, field := range auditFields(&q) {
		*field = v.Get(name)
	}
	number := func(name string, least, most int64) int64 {
		s := v.Get(name)
		if s == "" || err != nil {
			return 0
		}
		n, perr := strconv.ParseInt(s, 10, 64)
		if perr != nil || n < least || n > most {
			err = protocol.Errorf(protocol.Invalid, "query: %s %.40q: want a number from %d to %d", name, s, least, most)
		}
		return n
	}
	q.From = number("from", 0, 1<<62)
	q.Last = int(number("last", 1, maxPage))
	q.Limit = int(number("limit", 1, maxPage))
	if q.Limit == 0 {
		q.Limit = defaultPage
	}
	if s := v.Get("since"); s != "" && err == nil {
		if q.Since, err = time.Parse(time.RFC3339Nano, s); err != nil {
			err = protocol.Errorf(protocol.Invalid, "query: since %.40q: want a time such as 2026-01-02T15:04:05Z", s)
		}
	}
	return q, err
}

func (x *exchange) auditPage() (*AuditPage, error) {
	q, err := parseAuditQuery(x.query)
	if err != nil {
		return nil, err
	}
	page, err := x.AuditEntries(x.ctx(), q)
	if err == nil && page.Entries == nil {
		page.Entries = []AuditEntry{}
	}
	return page, err
}

func (x *exchange) auditEntry() (*AuditDetail, error) {
	index, err := strconv.ParseInt(x.r.PathValue("index"), 10, 64)
	if err != nil || index < 0 {
		return nil, protocol.Errorf(protocol.Invalid, "entry %.40q: want its index, a number from 0", x.r.PathValue("index"))
	}
	return x.AuditEntry(x.ctx(), index)
}

func (x *exchange) verifyAudit(req VerifyRequest) (*Verification, error) {
	if req.Folder != "" && !filepath.IsAbs(req.Folder) {
		return nil, protocol.Errorf(protocol.Invalid, "folder %q: want an absolute path", req.Folder)
	}
	return x.VerifyAudit(x.ctx(), req)
}

// followAudit goes at the client's pace: entries wait in the log. After a break
// a client continues with Last-Event-ID, which is an entry's index.
func (x *exchange) followAudit() error {
	q, err := parseAuditQuery(x.query)
	if err != nil {
		return err
	}
	if id := x.r.Header.Get("Last-Event-ID"); id != "" {
		n, err := strconv.ParseInt(id, 10, 64)
		if err != nil || n < 0 {
			return protocol.Errorf(protocol.Invalid, "Last-Event-ID %.40q: want an entry's index", id)
		}
		q.From, q.Last = n+1, 0
	}
	ctx, cancel := context.WithCancel(x.ctx())
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	o := newOutbox()
	emit := func(e AuditEntry) error {
		data, err := json.Marshal(e)
		if err != nil {
			return fmt.Errorf("audit entry %d: %w", e.Index, err)
		}
		return o.pushWait(ctx, event{id: strconv.FormatInt(e.Index, 10), name: "entry", data: data})
	}
	wg.Go(func() {
		x.produce(o, func() error { return x.FollowAudit(ctx, q, emit) })
	})
	return x.send(o, true)
}
