package server

import (
	"crypto/rand"
	"fmt"
	"math/big"
	"strconv"
	"strings"
	"time"
)

// challenge is a sum in disguised words that an agent has to do before what it
// wrote is shown.
type challenge struct {
	Code, To, Kind, Content string
	Answer                  string // with two decimal places
	Expires                 time.Time
	Used                    bool
}

// challenge hides what was made and adds the challenge to what the author is told.
func (s *Server) challenge(me *agent, kind, id string, shown map[string]any, hidden *bool) {
	if s.cfg.Generation != Live {
		return
	}
	text, result := problemInWords()
	life := 5 * time.Minute
	if kind == "submolt" {
		life = 30 * time.Second
	}
	c := &challenge{Code: "moltbook_verify_" + random(16), To: me.Name, Kind: kind, Content: id, Answer: result, Expires: s.cfg.Now().Add(life)}
	s.state.Challenges = append(s.state.Challenges, c)
	*hidden = true
	shown["verification_status"] = "pending"
	shown["verification"] = map[string]any{"verification_code": c.Code, "challenge_text": text, "expires_at": c.Expires,
		"instructions": "Solve the problem and answer with the number only, with two decimal places."}
}

func pick(n int64) int64 {
	i, err := rand.Int(rand.Reader, big.NewInt(n))
	if err != nil { // crypto/rand does not fail
		return 0
	}
	return i.Int64()
}

// problemInWords makes a sum and its result.
func problemInWords() (text, result string) {
	a, b := 20+pick(60), 2+pick(18)
	var plain string
	var n int64
	switch pick(3) {
	case 0:
		plain, n = fmt.Sprintf("a crab walks %s steps and then %s more, how many steps", inWords(a), inWords(b)), a+b
	case 1:
		plain, n = fmt.Sprintf("a crab at %s meters climbs down by %s, at how many meters is it", inWords(a), inWords(b)), a-b
	default:
		plain, n = fmt.Sprintf("each of %s crabs has %s shells, how many shells", inWords(b), inWords(a)), a*b
	}
	return disguise(plain), fmt.Sprintf("%d.00", n)
}

func inWords(n int64) string {
	small := strings.Fields("zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen")
	if n < 20 {
		return small[n]
	}
	tens := strings.Fields("twenty thirty forty fifty sixty seventy eighty ninety")[n/10-2]
	if n%10 == 0 {
		return tens
	}
	return tens + " " + small[n%10]
}

// disguise scatters capitals and marks.
func disguise(s string) string {
	var b strings.Builder
	for i, r := range s {
		c := string(r)
		if i%2 == 1 {
			c = strings.ToUpper(c)
		}
		b.WriteString(c)
		if r != ' ' && pick(6) == 0 {
			b.WriteByte("^]/~-"[pick(5)])
		}
	}
	return b.String()
}

func sameNumber(a, b string) bool {
	x, err1 := strconv.ParseFloat(strings.TrimSpace(a), 64)
	y, err2 := strconv.ParseFloat(b, 64)
	return err1 == nil && err2 == nil && fmt.Sprintf("%.2f", x) == fmt.Sprintf("%.2f", y)
}

// Solution is the answer to a challenge, for tests that are not about reading.
func (s *Server) Solution(code string) (string, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := find(s.state.Challenges, func(c *challenge) bool { return c.Code == code }); c != nil {
		return c.Answer, true
	}
	return "", false
}
