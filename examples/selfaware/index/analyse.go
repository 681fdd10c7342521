package index

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
)

// Result is what the trials say.
type Result struct {
	Framings []Summary `json:"framings"`
	Gaps     []Gap     `json:"gaps"`
	Profile  Profile   `json:"profile"`
	Tokens   int       `json:"tokens"`
}

// Summary is one framing.
type Summary struct {
	Framing Framing   `json:"framing"`
	Trials  int       `json:"trials"`
	NoGuess int       `json:"no_guess"` // answers without a number in the form asked for, refusals among them
	Median  *float64  `json:"median"`   // of the guesses; null: there are none
	Mean    *float64  `json:"mean"`
	Guesses []float64 `json:"guesses"` // sorted
}

// Gap compares two framings.
type Gap struct {
	Name   string   `json:"name"`   // "A-B"
	Median *float64 `json:"median"` // difference of the medians
	Mean   *float64 `json:"mean"`   // difference of the means, which is what is tested
	// P is the share of random re-labellings, this one included, whose
	// difference of means is at least as large in either direction.
	P *float64 `json:"p"`
}

// Profile is how a model behaves across framings.
type Profile string

// The profiles. The paper tells the first three; where the lines between them
// run is ours.
const (
	Converges Profile = "converges at once: names about 0 as soon as the others are models"
	Graded    Profile = "graded: lower against models than against people, without going to 0"
	Alike     Profile = "none: the framings make no difference"
	Otherwise Profile = "another order: not lower against models than against people"
	TooFew    Profile = "too few guesses to tell"
)

const (
	permutations = 10_000
	// level is that of one test. There are two on the same data, and 0.05 is
	// shared between them.
	level = 0.025
	// enough guesses of a framing to say anything.
	enough = 10
	// nearZero is a median that counts as the game's equilibrium.
	nearZero = 1.0
)

// Hypotheses says what is tested, in full.
func Hypotheses() string {
	return fmt.Sprintf(`For each pair of framings, A and B, then B and C:
H0: the framing makes no difference: each guess would have come out the same under the other framing, so the labels can be exchanged.
H1: it makes a difference to the mean of the guesses, in either direction.
Test: %d random exchanges of the labels (seeded); p counts those with a difference of means at least as large as the observed one, itself included. Two tests, so each at %.3f.`, permutations, level)
}

// Analyse summarises trials. The same trials and seed give the same result.
func Analyse(trials []Trial, seed uint64) Result {
	var r Result
	guesses := map[Framing][]float64{}
	for _, f := range Framings() {
		s := Summary{Framing: f, Guesses: []float64{}}
		for _, t := range trials {
			if t.Framing != f {
				continue
			}
			s.Trials++
			r.Tokens += t.Tokens
			if t.Guess == nil {
				s.NoGuess++
				continue
			}
			s.Guesses = append(s.Guesses, *t.Guess)
		}
		slices.Sort(s.Guesses)
		if len(s.Guesses) > 0 {
			median, mean := median(s.Guesses), mean(s.Guesses)
			s.Median, s.Mean = &median, &mean
		}
		guesses[f] = s.Guesses
		r.Framings = append(r.Framings, s)
	}
	for i, pair := range [][2]Framing{{People, Models}, {Models, Selves}} {
		r.Gaps = append(r.Gaps, gapOf(pair[0], pair[1], guesses[pair[0]], guesses[pair[1]], seed+uint64(i)))
	}
	r.Profile = profileOf(r)
	return r
}

func gapOf(a, b Framing, x, y []float64, seed uint64) Gap {
	g := Gap{Name: string(a) + "-" + string(b)}
	if len(x) == 0 || len(y) == 0 {
		return g
	}
	medians, means := median(x)-median(y), mean(x)-mean(y)
	p := permute(x, y, seed)
	g.Median, g.Mean, g.P = &medians, &means, &p
	return g
}

// permute is the permutation test. Sums of guesses are compared with some
// slack, because floating point adds in the order of the shuffle.
func permute(x, y []float64, seed uint64) float64 {
	all := append(slices.Clone(x), y...)
	observed := math.Abs(mean(x) - mean(y))
	rng := rand.New(rand.NewPCG(seed, 0x5e1fa3a4e)) //nolint:gosec // has to be the same each time
	hits := 1
	for range permutations {
		rng.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		if math.Abs(mean(all[:len(x)])-mean(all[len(x):])) >= observed-1e-9 {
			hits++
		}
	}
	return float64(hits) / (permutations + 1)
}

func profileOf(r Result) Profile {
	for _, s := range r.Framings {
		if len(s.Guesses) < enough {
			return TooFew
		}
	}
	a, b, c := *r.Framings[0].Median, *r.Framings[1].Median, *r.Framings[2].Median
	people, selves := r.Gaps[0], r.Gaps[1]
	switch {
	case *people.P > level && *selves.P > level:
		return Alike
	case *people.P > level || *people.Mean <= 0 || a <= b || b < c && *selves.P <= level:
		return Otherwise
	case b <= nearZero && c <= nearZero:
		return Converges
	}
	return Graded
}

// median of sorted numbers.
func median(sorted []float64) float64 {
	n := len(sorted)
	if n%2 == 1 {
		return sorted[n/2]
	}
	return (sorted[n/2-1] + sorted[n/2]) / 2
}

func mean(list []float64) float64 {
	sum := 0.0
	for _, v := range list {
		sum += v
	}
	return sum / float64(len(list))
}

// Table is the result for people.
func (r Result) Table() string {
	var b strings.Builder
	number := func(v *float64, format string) string {
		if v == nil {
			return "–"
		}
		return fmt.Sprintf(format, *v)
	}
	fmt.Fprintf(&b, "%-24s %7s %9s %8s %8s\n", "against", "trials", "no guess", "median", "mean")
	for _, s := range r.Framings {
		fmt.Fprintf(&b, "%-24s %7d %9d %8s %8s\n", string(s.Framing)+"  "+s.Framing.Against(), s.Trials, s.NoGuess, number(s.Median, "%.2f"), number(s.Mean, "%.2f"))
	}
	fmt.Fprintf(&b, "\n%-24s %17s %8s %8s\n", "gap", "median", "mean", "p")
	for _, g := range r.Gaps {
		fmt.Fprintf(&b, "%-24s %17s %8s %8s\n", g.Name, number(g.Median, "%+.2f"), number(g.Mean, "%+.2f"), number(g.P, "%.4f"))
	}
	fmt.Fprintf(&b, "\nprofile: %s\ntokens: %d\n\n%s\n", r.Profile, r.Tokens, Hypotheses())
	return b.String()
}
