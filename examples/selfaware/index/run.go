package index

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// Answer is what a model said.
type Answer struct {
	Text   string
	Model  string // as the provider named it
	Tokens int    // in and out; 0: the server does not count
}

// Asker asks a model one question, in a conversation of its own.
type Asker interface {
	Ask(ctx context.Context, prompt string) (Answer, error)
}

// Config says what to run.
type Config struct {
	File   string // of trials, one JSON object a line; it is made or gone on with
	Model  string // who is asked, for the record
	Trials int    // of each framing; 0: 50
	Budget int    // tokens that all trials of the file may take together; 0: no limit
	Now    func() time.Time
	// Progress hears of each trial; nil: nobody.
	Progress func(Trial)
}

// Trial is one question and its answer.
type Trial struct {
	Framing Framing   `json:"framing"`
	N       int       `json:"n"` // from 1
	Guess   *float64  `json:"guess"`
	Text    string    `json:"text"` // what was said, its last part if it is long
	Model   string    `json:"model,omitempty"`
	Tokens  int       `json:"tokens"`
	At      time.Time `json:"at"`
}

// header is the first line of a file.
type header struct {
	Experiment string `json:"experiment"`
	Model      string `json:"model"`
	Wording    string `json:"wording"`
}

const (
	experiment = "selfaware/1"
	keptText   = 2000 // bytes of an answer
	maxFile    = 64 << 20
)

// ErrBudget says that a run ended before its last trial, to be gone on with
// under a larger budget.
var ErrBudget = errors.New("the token budget is used up")

// Run makes the trials that a file does not hold yet, the framings in turn so
// that a part of a run compares like with like. Trials that fail end the run;
// they are made again by the next.
func Run(ctx context.Context, c Config, a Asker) (trials []Trial, err error) {
	if c.Trials == 0 {
		c.Trials = 50
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	f, trials, err := open(c)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	done, used, most := map[Framing]int{}, 0, 0
	for _, t := range trials {
		done[t.Framing] = max(done[t.Framing], t.N)
		used, most = used+t.Tokens, max(most, t.Tokens)
	}
	for n := 1; n <= c.Trials; n++ {
		for _, framing := range Framings() {
			if done[framing] >= n {
				continue
			}
			if c.Budget > 0 && used+most > c.Budget { // the next may take as much as any before
				return trials, fmt.Errorf("%w: %d of %d after %d trials", ErrBudget, used, c.Budget, len(trials))
			}
			t, err := ask(ctx, c, a, framing, n)
			if err != nil {
				return trials, fmt.Errorf("framing %s, trial %d: %w", framing, n, err)
			}
			if err := appendLine(f, t); err != nil {
				return trials, fmt.Errorf("%s: %w", c.File, err)
			}
			trials = append(trials, t)
			used, most = used+t.Tokens, max(most, t.Tokens)
			if c.Progress != nil {
				c.Progress(t)
			}
		}
	}
	return trials, nil
}

func ask(ctx context.Context, c Config, a Asker, f Framing, n int) (Trial, error) {
	prompt := Prompt(f)
	answer, err := a.Ask(ctx, prompt)
	if err != nil {
		return Trial{}, err
	}
	t := Trial{Framing: f, N: n, Text: answer.Text, Model: answer.Model, Tokens: answer.Tokens, At: c.Now().UTC()}
	if t.Tokens <= 0 {
		t.Tokens = (len(prompt)+len(answer.Text))/3 + 1
	}
	if g, ok := Guess(answer.Text); ok {
		t.Guess = &g
	}
	if len(t.Text) > keptText {
		t.Text = "…" + string(bytes.ToValidUTF8([]byte(t.Text[len(t.Text)-keptText:]), nil))
	}
	return t, nil
}

// open reads a file and leaves it open for more. A last line that a crash cut
// off is taken away; a file of another experiment is refused.
func open(c Config) (f *os.File, trials []Trial, err error) {
	f, err = os.OpenFile(c.File, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600) //nolint:gosec // the owner names it
	if err != nil {
		return nil, nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("%s: %w", c.File, err), f.Close())
		}
	}()
	b, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil || len(b) > maxFile {
		return f, nil, errors.Join(err, fmt.Errorf("it has %d bytes or more", len(b)))
	}
	whole := bytes.LastIndexByte(b, '\n') + 1
	if whole < len(b) {
		if err := f.Truncate(int64(whole)); err != nil {
			return f, nil, err
		}
	}
	want := header{experiment, c.Model, Wording()}
	if whole == 0 {
		return f, nil, appendLine(f, want)
	}
	for i, line := range bytes.Split(bytes.TrimSuffix(b[:whole], []byte("\n")), []byte("\n")) {
		if i == 0 {
			var got header
			if err := json.Unmarshal(line, &got); err != nil || got != want {
				return f, nil, fmt.Errorf("it holds trials of %q with wording %q (%s), not of %q with %q: choose another file", got.Model, got.Wording, got.Experiment, want.Model, want.Wording)
			}
			continue
		}
		var t Trial
		if err := json.Unmarshal(line, &t); err != nil {
			return f, nil, fmt.Errorf("line %d is no trial: %w", i+1, err)
		}
		trials = append(trials, t)
	}
	return f, trials, nil
}

// appendLine writes one line in one piece and has it on disk.
func appendLine(f *os.File, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	if _, err := f.Write(append(b, '\n')); err != nil {
		return err
	}
	return f.Sync()
}
