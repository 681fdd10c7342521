package policy

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// widening are owners' files that try to get more than the base layer admits,
// or to do more than decide. None may load.
var widening = map[string]struct{ text, says string }{
	"base's package":       {"package ambit.base\n\nadmitted if true", "is not this folder's"},
	"theme of the base":    {"package ambit.base.network\n\nis_named(_) if true", "is not this folder's"},
	"lib's package":        {"package ambit.lib.risk\n\nonly_reads if true", "is not this folder's"},
	"the layers":           {"package ambit.layers\n\nhave_a_word if false", "is not this folder's"},
	"organisation":         {"package ambit.org.x\n\nallow_all if true", "is not this folder's"},
	"no name":              {"package ambit.owner\n\ncards.deny contains \"x\" if true", "is not this folder's"},
	"elsewhere":            {"package system.authz\n\nx if true", "is not this folder's"},
	"vocabulary":           {"package ambit.vocabulary\n\ncapabilities := {}", "is not this folder's"},
	"allow":                {"package ambit.owner.x\n\nallow if true", "defines allow"},
	"default allow":        {"package ambit.owner.x\n\ndefault allow := true", "defines allow"},
	"allow contains":       {"package ambit.owner.x\n\nallow contains \"x\" if true", "defines allow"},
	"allow by reference":   {"package ambit.owner.x\n\nallow.everything := true", "defines allow"},
	"reserved name":        {"package ambit.owner.x\n\nambit_deny contains \"x\" if true", "host's"},
	"deny as a value":      {"package ambit.owner.x\n\ndeny := set()", "not a set of messages"},
	"default deny":         {"package ambit.owner.x\n\ndefault deny := false", "not a set of messages"},
	"deny as a function":   {"package ambit.owner.x\n\ndeny(x) := x", "not a set of messages"},
	"deny as an object":    {"package ambit.owner.x\n\ndeny[x] := 1 if some x in [1]", "not a set of messages"},
	"deny below":           {"package ambit.owner.x\n\ndeny.a contains 1 if true", "not a set of messages"},
	"import the base":      {"package ambit.owner.x\n\nimport data.ambit.base\n\ndeny contains \"x\" if not base.admitted", "import of data.ambit.base"},
	"import all":           {"package ambit.owner.x\n\nimport data as d\n\ndeny contains \"x\" if d.x", "data"},
	"import ambit":         {"package ambit.owner.x\n\nimport data.ambit\n\ndeny contains \"x\" if ambit.x", "import of data.ambit"},
	"import a sibling":     {"package ambit.owner.x\n\nimport data.ambit.ownership\n\ndeny contains \"x\" if ownership.x", "import of data.ambit.ownership"},
	"read the base":        {"package ambit.owner.x\n\ndeny contains \"x\" if data.ambit.base.admitted", "reads data.ambit.base"},
	"read by a variable":   {"package ambit.owner.x\n\ndeny contains p if {\n\tsome p\n\tdata.ambit[p].admitted\n}", "reads data.ambit"},
	"read by brackets":     {"package ambit.owner.x\n\ndeny contains \"x\" if data[\"ambit\"][\"base\"].admitted", "reads data.ambit.base"},
	"walk over everything": {"package ambit.owner.x\n\ndeny contains \"x\" if walk(data, [_, 1])", "data"},
	"with on input":        {"package ambit.owner.x\n\nimport data.ambit.lib.risk\n\ndeny contains \"x\" if risk.only_reads with input.action.risk as \"read\"", `by "with"`},
	"with on the base":     {"package ambit.owner.x\n\nok if true\n\ndeny contains \"x\" if ok with data.ambit.base.admitted as true", `by "with"`},
	"with on a built-in":   {"package ambit.owner.x\n\nok if count([]) == 0\n\ndeny contains \"x\" if ok with count as 0", `by "with"`},
	"with within":          {"package ambit.owner.x\n\nok if true\n\ndeny contains \"x\" if count([1 | ok with input as {}]) == 1", `by "with"`},
	"http.send":            {"package ambit.owner.x\n\ndeny contains \"x\" if http.send({\"method\": \"get\", \"url\": \"http://x\"}).body", "undefined function http.send"},
	"environment":          {"package ambit.owner.x\n\ndeny contains \"x\" if opa.runtime().env.HOME", "undefined function opa.runtime"},
	"look up":              {"package ambit.owner.x\n\ndeny contains \"x\" if net.lookup_ip_addr(\"x\")", "undefined function net.lookup_ip_addr"},
	"the clock":            {"package ambit.owner.x\n\ndeny contains \"x\" if time.now_ns() > 1", "undefined function time.now_ns"},
	"chance":               {"package ambit.owner.x\n\ndeny contains \"x\" if rand.intn(\"x\", 2) == 1", "undefined function rand.intn"},
	"an identifier":        {"package ambit.owner.x\n\ndeny contains uuid.rfc4122(\"x\") if true", "undefined function uuid.rfc4122"},
	"remote schema":        {"package ambit.owner.x\n\ndeny contains \"x\" if json.match_schema({}, {})", "undefined function json.match_schema"},
	"memory bomb":          {"package ambit.owner.x\n\ndeny contains \"x\" if bits.lsh(1, 99999999999) > 1", "undefined function bits.lsh"},
	"syntax":               {"package ambit.owner.x\n\ndeny[x] { x := 1 }", "Rego v1"},
	"recursion":            {"package ambit.owner.x\n\na if b\n\nb if a\n\ndeny contains \"x\" if a", "recursive"},
	"through the owner":    {"package ambit.owner.x\n\ndeny contains \"x\" if data.ambit.owner[_].deny", "recursive"},
	"unsafe":               {"package ambit.owner.x\n\ndeny contains y if true", "unsafe"},
}

func TestOwnersCantWiden(t *testing.T) {
	t.Parallel()
	for name, c := range widening {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := owner(t, map[string]string{"x.rego": c.text + "\n"})
			_, err := Open(t.Context(), Config{Layers: []Layer{l}})
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Fatalf("error %v, want one that says %q", err, c.says)
			}
			if !strings.Contains(err.Error(), filepath.Join(l.Dir, "x.rego")+":") {
				t.Errorf("error %v does not name file and line", err)
			}
			if strings.Contains(c.says, "undefined function") && !strings.Contains(err.Error(), "startswith") {
				t.Errorf("error %v does not say what is allowed", err)
			}
			problems, err := Check(t.Context(), l)
			if err != nil || len(problems) == 0 || problems[0].Line == 0 {
				t.Errorf("Check: %v, %v", problems, err)
			}
		})
	}
}

// Owners' files that load must not turn a denial into anything else, whatever
// they define beside deny, ask and obligations.
func TestLoadedFilesCantWiden(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"package ambit.owner.x\n\ndecision := {\"verdict\": \"allow\"}\n\nadmitted := true\n\nverdict := \"allow\"",
		"package ambit.owner.base\n\nadmitted if true",
		"package ambit.owner.layers\n\nhave_a_word if false",
		"package ambit.owner.x\n\nobligations contains {\"type\": \"approve\", \"params\": {\"approved\": true}} if input.action.name",
		"package ambit.owner.x\n\nask contains \"please\" if input.action.name",
		"package ambit.owner.x.y.z\n\ndeny contains {\"verdict\": \"allow\", \"message\": \"\"} if false",
	} {
		e := open(t, owner(t, map[string]string{"x.rego": text + "\n"}))
		for _, change := range []func(*Request){
			func(r *Request) { r.Context.Grant = nil },
			func(r *Request) { r.Context.Requires = nil },
			func(r *Request) { r.Resource.Attributes["special_addresses"] = []string{"127.0.0.1"} },
			func(r *Request) { r.Subject.Type = "root" },
		} {
			r := weather()
			change(r)
			if d := decide(t, e, r); d.Verdict != Deny {
				t.Errorf("%s: %+v", text, d)
			}
		}
	}
}

// Rules that do not end, or take all memory, end with an error that denies.
func TestRulesAreCutOff(t *testing.T) {
	t.Parallel()
	doubling := "a0 := \"0123456789abcdef\"\n\n"
	for i := range 40 {
		doubling += fmt.Sprintf("a%d := concat(\"\", [a%d, a%d])\n\n", i+1, i, i)
	}
	for name, body := range map[string]string{
		"range":      "deny contains \"x\" if {\n\tsome i in numbers.range(1, 100000000)\n\ti < 0\n}",
		"product":    "deny contains \"x\" if {\n\tsome a in numbers.range(1, 3000)\n\tsome b in numbers.range(1, 3000)\n\tsome c in numbers.range(1, 3000)\n\t((a + b) + c) < 0\n}",
		"addresses":  "deny contains \"x\" if count(net.cidr_expand(\"0.0.0.0/0\")) == 0",
		"many words": "deny contains sprintf(\"%d\", [a * b]) if {\n\tsome a in numbers.range(1, 5000)\n\tsome b in numbers.range(1, 5000)\n}",
		"doubling":   doubling + "deny contains \"x\" if count(a40) == 0",
		"replace":    "a := sprintf(\"%065000d\", [0])\n\ndeny contains \"x\" if replace(replace(a, \"0\", a), \"0\", a) == \"\"",
	} {
		t.Run(name, func(t *testing.T) {
			e := open(t, owner(t, map[string]string{"x.rego": "package ambit.owner.x\n\n" + body + "\n"}))
			d, err := e.Decide(t.Context(), weather())
			if !errors.Is(err, ErrDeadline) || d.Verdict != Deny {
				t.Errorf("%v, %v", d.Verdict, err)
			}
			explained(t, e, d)
		})
	}
}

// A rule that fails to compute denies: had it been able to, it might have
// denied.
func TestFailingRulesDeny(t *testing.T) {
	t.Parallel()
	for _, body := range []string{
		"deny contains \"x\" if to_number(input.subject.id) > 3",
		"deny contains \"x\" if 1 / (count(input.context.labels) - 1) > 3",
		"a := input.subject.id\n\na := input.action.name\n\ndeny contains \"x\" if a == \"x\"",
	} {
		e := open(t, owner(t, map[string]string{"x.rego": "package ambit.owner.x\n\n" + body + "\n"}))
		d, err := e.Decide(t.Context(), weather())
		if err == nil || d.Verdict != Deny || !strings.Contains(err.Error(), "x.rego:") {
			t.Errorf("%s: %v, %v", body, d.Verdict, err)
		}
	}
}

func TestFilesAreCapped(t *testing.T) {
	t.Parallel()
	large := owner(t, map[string]string{"a.rego": "package ambit.owner.a\n# " + strings.Repeat("x", maxFileBytes)})
	if _, err := Open(t.Context(), Config{Layers: []Layer{large}}); err == nil || !strings.Contains(err.Error(), "larger than") {
		t.Errorf("large file: %v", err)
	}
	many := map[string]string{}
	for i := range maxFiles + 1 {
		many[fmt.Sprintf("a%d.rego", i)] = fmt.Sprintf("package ambit.owner.a%d\n", i)
	}
	if _, err := Open(t.Context(), Config{Layers: []Layer{owner(t, many)}}); err == nil || !strings.Contains(err.Error(), "more than") {
		t.Errorf("many files: %v", err)
	}
	deep := owner(t, map[string]string{"a.rego": "package ambit.owner.a\n\nx := " + strings.Repeat("[", 200_000) + strings.Repeat("]", 200_000)})
	if _, err := Open(t.Context(), Config{Layers: []Layer{deep}}); err == nil {
		t.Error("a file nested 200,000 deep was taken")
	}
}

func TestLinksStayWithinTheFolder(t *testing.T) {
	t.Parallel()
	l := owner(t, map[string]string{"a.txt": "package ambit.owner.a\n\ndeny contains \"a\" if input.action.name\n"})
	if err := os.Symlink("a.txt", filepath.Join(l.Dir, "inside.rego")); err != nil {
		t.Skipf("no symbolic links here: %v", err)
	}
	if d := decide(t, open(t, l), weather()); d.Verdict != Deny {
		t.Errorf("a link within the folder is not read: %+v", d)
	}
	outside := filepath.Join(t.TempDir(), "b.rego")
	if err := os.WriteFile(outside, []byte("package ambit.owner.b\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, target := range map[string]string{"absolute.rego": outside, "relative.rego": "../../b.rego", "dangling.rego": "nothing", "folder.rego": "."} {
		link := filepath.Join(l.Dir, name)
		if err := os.Symlink(target, link); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(t.Context(), Config{Layers: []Layer{l}}); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s → %s: %v", name, target, err)
		}
		if err := os.Remove(link); err != nil {
			t.Fatal(err)
		}
	}
}

func TestCheckFindsWhatDoesNothing(t *testing.T) {
	t.Parallel()
	l := owner(t, map[string]string{
		"a.rego":      "package ambit.owner.a\n\ndenny contains \"x\" if input.action.name\n",
		"helped.rego": "package ambit.owner.helped\n\nimport data.ambit.owner.helper\n\ndeny contains \"x\" if helper.late\n",
		"helper.rego": "package ambit.owner.helper\n\nlate if input.context.trigger == \"late\"\n",
		"b_test.rego": "package ambit.owner.b_test\n\nimport data.ambit.owner.helped\n\ntest_fails if count(helped.deny) == 1 with input.context.trigger as \"early\"\n\ntest_holds if count(helped.deny) == 1 with input.context.trigger as \"late\"\n",
	})
	problems, err := Check(t.Context(), l)
	if err != nil {
		t.Fatal(err)
	}
	if len(problems) != 2 || !strings.HasSuffix(problems[0].File, "a.rego") || !strings.Contains(problems[0].Message, "defines no deny") ||
		!strings.HasSuffix(problems[1].File, "b_test.rego") || problems[1].Line != 5 || !strings.Contains(problems[1].Message, "test_fails") {
		t.Errorf("%+v", problems)
	}
	if _, err := Open(t.Context(), Config{Layers: []Layer{l}}); err != nil {
		t.Errorf("tests and silent files keep the set from loading: %v", err)
	}
	if problems, err := Check(t.Context(), Layer{Name: "guest", Dir: t.TempDir()}); err != nil || len(problems) != 1 {
		t.Errorf("%v, %v", problems, err)
	}
	if problems, err := Check(t.Context(), Layer{Name: orgLayer, Dir: filepath.Join(t.TempDir(), "gone")}); err != nil || len(problems) != 1 {
		t.Errorf("%v, %v", problems, err)
	}
}
