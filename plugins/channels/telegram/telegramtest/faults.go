package telegramtest

// fault is what goes wrong with the next calls of a method.
type fault struct {
	method     string
	left       int
	retryAfter int
	status     int
	says       string
	drop       bool
}

// Limit answers the next n calls of a method with 429.
func (s *Server) Limit(method string, retryAfter, n int) {
	s.fail(&fault{method: method, left: n, retryAfter: retryAfter})
}

// Fail answers the next n calls of a method with a status, undone.
func (s *Server) Fail(method string, status int, says string, n int) {
	s.fail(&fault{method: method, left: n, status: status, says: says})
}

// Drop does what the next n calls of a method ask for and breaks the
// connection instead of answering.
func (s *Server) Drop(method string, n int) {
	s.fail(&fault{method: method, left: n, drop: true})
}

func (s *Server) fail(f *fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, f)
}

// begin counts a call and finds what goes wrong with it.
func (s *Server) begin(method string) *fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls[method]++
	for _, f := range s.faults {
		if f.method == method && f.left > 0 {
			f.left--
			return f
		}
	}
	return nil
}

// Calls is how often a method was called.
func (s *Server) Calls(method string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls[method]
}

// Block has a person block the bot, or let it write again.
func (s *Server) Block(u User, blocked bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.blocked[u.ID] = blocked
}

// SetWebhook sets the bot's webhook; "" deletes it. It ends a getUpdates that
// waits.
func (s *Server) SetWebhook(url string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.setWebhook(url)
}

func (s *Server) setWebhook(url string) {
	s.webhook = url
	if url != "" && s.poller != nil {
		s.poller(errWebhook)
	}
}

// Revoke gives the bot a new token, as its owner can at @BotFather.
func (s *Server) Revoke(token string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.Token = token
}

// Become makes the server another bot, with updates and numbers of its own.
func (s *Server) Become(bot, nextUpdate int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bot, s.nextID, s.updates, s.ids = bot, nextUpdate, nil, nil
}

func (s *Server) token() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.Token
}
