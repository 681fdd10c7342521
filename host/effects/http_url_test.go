package effects

import (
	"net/netip"
	"net/url"
	"strings"
	"testing"
)

func TestParseURL(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"HTTP://EXAMPLE.org":                 "http://example.org/",
		"https://example.org:443/":           "https://example.org/",
		"https://example.org:0443/":          "https://example.org/",
		"http://example.org:443/":            "http://example.org:443/",
		"https://example.org./a":             "https://example.org/a",
		"https://bücher.example/ü?ü#x":       "https://xn--bcher-kva.example/%C3%BC?%C3%BC",
		"https://xn--bcher-kva.example":      "https://xn--bcher-kva.example/",
		"https://my_svc.example/":            "https://my_svc.example/",
		"http://[::1]:80/":                   "http://[::1]/",
		"http://[::FFFF:127.0.0.1]:8080/":    "http://127.0.0.1:8080/",
		"http://[0:0:0:0:0:0:0:1]:8080/":     "http://[::1]:8080/",
		"http://１２７.０.０.１/":                  "http://127.0.0.1/",
		"http://ｅｘａｍｐｌｅ.org/":                "http://example.org/",
		"https://a.example/%7euser/%2f%c3":   "https://a.example/~user/%2F%C3",
		"https://a.example/a b|c?x=a b\"<>":  "https://a.example/a%20b%7Cc?x=a%20b%22%3C%3E",
		"https://a.example//b":               "https://a.example//b",
		"https://a.example/a...b/.c/..d":     "https://a.example/a...b/.c/..d",
		"https://a.example/100%25":           "https://a.example/100%25",
		"https://a.example?":                 "https://a.example/",
		"https://a.example/;x=1/[1]/(2)/@:!": "https://a.example/;x=1/[1]/(2)/@:!",
	} {
		got, err := parseURL(in)
		if err != nil || got.String() != want {
			t.Errorf("%s: %v, %v; want %s", in, got, err, want)
		}
	}
	for _, in := range []string{
		"", "/", "example.org", "//example.org/", "ftp://a.example/", "javascript:alert(1)", "http:a.example", "http:///x", "http://",
		"http://user@a.example/", "http://u:p@a.example/", "http://@a.example/", "http://a.example\\@b.example/", "http://a.example\\.b/",
		"http://a.example/\x00", "http://a.example/\r\nX: y", "http://a.example/%0d%0aX", "http://a.example/%00",
		"http://127.1/", "http://2130706433/", "http://0x7f.0.0.1/", "http://0177.0.0.1/", "http://127.0.0.1.5/", "http://1.2.3.0x4/",
		"http://[fe80::1%25eth0]/", "http://[::1/", "http://::1/", "http://a..example/", "http://.example/", "http://-/%", "http://a.example:0/",
		"http://a.example:65536/", "http://a.example:-1/", "http://a.example:80:80/", "http://a%2eexample/", "http://a.example%00/", "http://xn--a/",
		"http://a.example/../x", "http://a.example/a/..", "http://a.example/./x", "http://a.example/%2e%2e/x", "http://a.example/a/%2E./x",
		"http://a.example/a%2f..%2fb", "http://a.example/a/..;/b", "http://a.example/a/%252e%252e/b", "http://a.example/a%5c..%5cb",
		"http://" + strings.Repeat("a", 64) + ".example/", "http://" + strings.Repeat("a.", 200) + "example/", "http://a.example/" + strings.Repeat("x", maxURL),
		"http://a.example/" + strings.Repeat(" ", maxURL/2), "http://a.example/\u202egnp.exe", "http://a.ex\u200bample/", "http://a.example/\xff",
	} {
		if got, err := parseURL(in); err == nil {
			t.Errorf("%q was taken for %s", in, got)
		}
	}
}

// FuzzURL: what is accepted has one spelling, which reads as itself here and
// means the same to net/url.
func FuzzURL(f *testing.F) {
	for _, s := range []string{"http://a.example/%7e?x#y", "https://[::1]:8443/a//b;c", "http://１２７.1/", "HTTP://A.example.:080/%41", "http://a/%zz", "https://bücher.example/ü"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		got, err := parseURL(raw)
		if err != nil {
			return
		}
		again, err := parseURL(got.String())
		if err != nil || *again != *got {
			t.Fatalf("%q: %v, then %v, %v", raw, got, again, err)
		}
		u, err := url.Parse(got.String())
		if err != nil || u.User != nil || u.Hostname() != got.host || u.Scheme != got.scheme {
			t.Fatalf("%q: %s means %v to net/url, %v", raw, got, u, err)
		}
		if got.host != strings.ToLower(got.host) || strings.ContainsAny(got.String(), "\\ \r\n\t\x00#") || !isASCII(got.String()) || got.path[0] != '/' {
			t.Fatalf("%q gave %q", raw, got)
		}
		if a, err := netip.ParseAddr(got.host); err == nil && a.Is4In6() {
			t.Fatalf("%q: a mapped address", raw)
		}
		plain, err := url.PathUnescape(got.path)
		if err != nil {
			t.Fatalf("%q: path %s", raw, got.path)
		}
		if sent := (&url.URL{Scheme: got.scheme, Host: got.authority(), Path: plain, RawPath: got.path, RawQuery: got.query}).RequestURI(); sent != strings.TrimPrefix(got.String(), got.scheme+"://"+got.authority()) {
			t.Fatalf("%q: judged as %s, sent as %s", raw, got, sent)
		}
	})
}
