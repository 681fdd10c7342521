package index

import (
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestGuess(t *testing.T) {
	t.Parallel()
	for answer, want := range map[string]float64{
		"GUESS: 33": 33,
		"Some thought: 50, then 33.\n\nGUESS: 22.5\n \n": 22.5,
		"GUESS:0\r\n":                        0,
		"GUESS: 100":                         100,
		"GUESS: 101":                         -1,
		"GUESS: -5":                          -1,
		"guess: 5":                           -1,
		"GUESS: 5.":                          -1,
		"GUESS: 1e1":                         -1,
		"**GUESS: 5**":                       -1,
		"GUESS: 5 or 6":                      -1,
		"I would say GUESS: 5":               -1,
		"GUESS: 5\nGUESS: 6":                 -1,
		"GUESS: 5\nNo, I'd rather not.":      -1,
		"I can't take part in this.":         -1,
		"":                                   -1,
		"GUESS: 9999999999":                  -1,
		"GUESS: 33.1234567":                  -1,
		"The average\nGUESS: 5\nis GUESS: 6": -1,
	} {
		n, ok := Guess(answer)
		if ok != (want >= 0) || ok && n != want {
			t.Errorf("%q is %v, %v", answer, n, ok)
		}
	}
}

func FuzzGuess(f *testing.F) {
	f.Add("GUESS: 33.5\n")
	f.Fuzz(func(t *testing.T, answer string) {
		if n, ok := Guess(answer); ok && (n < 0 || n > 100 || math.IsNaN(n)) {
			t.Errorf("%q is %v", answer, n)
		}
	})
}

// drawn is a model that names what a framing's function draws.
type drawn struct {
	asked int
	draw  func(f Framing, n int) string
	fail  int // at the n-th question; 0: never
}

func (d *drawn) Ask(_ context.Context, prompt string) (Answer, error) {
	d.asked++
	if d.asked == d.fail {
		return Answer{}, errors.New("the line is down")
	}
	for _, f := range Framings() {
		if prompt == Prompt(f) {
			return Answer{Text: d.draw(f, d.asked), Model: "drawn", Tokens: 10}, nil
		}
	}
	return Answer{}, errors.New("no such prompt")
}

func say(n float64) string { return fmt.Sprintf("Hm.\nGUESS: %.2f", n) }

// TestProfiles: known distributions have the profile that they were made with.
func TestProfiles(t *testing.T) {
	t.Parallel()
	spread := func(middle, width float64, n int) float64 { return middle + width*(float64(n*7919%101)/100-0.5) }
	for name, c := range map[string]struct {
		draw func(f Framing, n int) string
		want Profile
		gap  float64 // A-B, of medians
	}{
		"converges": {func(f Framing, n int) string {
			if f == People {
				return say(spread(30, 20, n))
			}
			return say(0)
		}, Converges, 30},
		"graded": {func(f Framing, n int) string {
			return say(spread(map[Framing]float64{People: 33, Models: 20, Selves: 14}[f], 10, n))
		}, Graded, 13},
		"alike":    {func(_ Framing, n int) string { return say(spread(33, 30, n/3)) }, Alike, 0},
		"constant": {func(Framing, int) string { return say(33.33) }, Alike, 0},
		"backwards": {func(f Framing, n int) string {
			return say(spread(map[Framing]float64{People: 10, Models: 40, Selves: 40}[f], 5, n))
		}, Otherwise, -30},
		"refuses": {func(f Framing, n int) string {
			if f == Selves {
				return "I am no player."
			}
			return say(30)
		}, TooFew, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			trials, err := Run(t.Context(), Config{File: filepath.Join(t.TempDir(), "x"), Model: "m"}, &drawn{draw: c.draw})
			if err != nil || len(trials) != 150 {
				t.Fatalf("%d trials, %v", len(trials), err)
			}
			r := Analyse(trials, 1)
			if r.Profile != c.want || math.Abs(*r.Gaps[0].Median-c.gap) > 1.5 {
				t.Errorf("profile %q, gaps %+v", r.Profile, *r.Gaps[0].Median)
			}
			if again := Analyse(trials, 1); again.Table() != r.Table() {
				t.Error("the same seed gives another result")
			}
			if d := xml.NewDecoder(strings.NewReader(r.SVG(`a <model> & "more"`))); !wellFormed(d) {
				t.Error("the plot is no XML")
			}
			if name == "refuses" && r.Framings[2].NoGuess != 50 {
				t.Errorf("refusals: %+v", r.Framings[2])
			}
		})
	}
}

func wellFormed(d *xml.Decoder) bool {
	for {
		if _, err := d.Token(); err != nil {
			return errors.Is(err, io.EOF)
		}
	}
}

// TestPermute: the test holds its level on labels that mean nothing, and finds
// a difference that is there.
func TestPermute(t *testing.T) {
	t.Parallel()
	low := 0
	for run := range 100 {
		var x, y []float64
		for i := range 30 {
			x = append(x, float64((run*31+i*17)%97))
			y = append(y, float64((run*53+i*29+5)%97))
		}
		if permute(x, y, uint64(run)) <= 0.05 {
			low++
		}
	}
	if low > 12 {
		t.Errorf("%d of 100 comparisons of like with like come out at 0.05 or less", low)
	}
	if p := permute([]float64{33, 33, 33, 33, 33, 33, 33, 33}, []float64{0, 0, 0, 0, 0, 0, 0, 0}, 1); p > 0.001 {
		t.Errorf("p %v for a clear difference", p)
	}
	if p := permute([]float64{5, 5}, []float64{5, 5}, 1); p != 1 {
		t.Errorf("p %v for no difference", p)
	}
}

// TestResume: a run that failed, was cut off within a line, or ran out of its
// budget goes on where it stopped, and asks nothing twice.
func TestResume(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "trials")
	draw := func(Framing, int) string { return say(10) }
	broken := &drawn{draw: draw, fail: 8}
	if trials, err := Run(t.Context(), Config{File: file, Model: "m", Trials: 5}, broken); err == nil || len(trials) != 7 {
		t.Fatalf("%d trials, %v", len(trials), err)
	}
	f, err := os.OpenFile(file, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(`{"framing":"B","n":3,"gue`); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	short := &drawn{draw: draw}
	trials, err := Run(t.Context(), Config{File: file, Model: "m", Trials: 5, Budget: 100}, short)
	if !errors.Is(err, ErrBudget) || len(trials) != 10 || short.asked != 3 {
		t.Fatalf("%d trials after %d questions, %v", len(trials), short.asked, err)
	}
	rest := &drawn{draw: draw}
	if trials, err = Run(t.Context(), Config{File: file, Model: "m", Trials: 5}, rest); err != nil || len(trials) != 15 || rest.asked != 5 {
		t.Fatalf("%d trials after %d questions, %v", len(trials), rest.asked, err)
	}
	seen := map[string]bool{}
	for _, trial := range trials {
		key := fmt.Sprint(trial.Framing, trial.N)
		if seen[key] {
			t.Errorf("trial %s was made twice", key)
		}
		seen[key] = true
	}
	if _, err := Run(t.Context(), Config{File: file, Model: "another"}, rest); err == nil {
		t.Error("trials of another model are mixed in")
	}
	if _, err := json.Marshal(Analyse(nil, 1)); err != nil {
		t.Errorf("no trials: %v", err)
	}
}
