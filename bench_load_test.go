//go:build linux

package main_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ambithost/ambit/host/control"
	"github.com/ambithost/ambit/plugins"
	"github.com/ambithost/ambit/plugins/channels/telegram/telegramtest"
)

// BenchmarkLoad has a thousand sessions send a hundred messages a second for a
// quarter of a minute, through the control API, to a host whose model is the
// rehearsal in its cell. Then, with all of that stored, the host is ended by SIGKILL and started
// again: the time until a message is answered. Nothing is lost, and each message
// has one answer, or the benchmark fails. Aim for the restart: 1 s.
func BenchmarkLoad(b *testing.B) {
	if len(plugins.List()) == 0 {
		b.Skip("the first-party plugins are not built: make plugins")
	}
	_, bin, home := built(b)
	c, stop := launch(b, bin, home)
	install(b, c, control.PreviewRequest{Name: "rehearsal"})
	l := burden{sessions: 1000, messages: 1500, every: 10 * time.Millisecond}
	st, err := c.Status(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	var took []time.Duration
	var host, cells float64
	busy := processor(b, st.PID)
	begun := time.Now()
	measured := make(chan struct{})
	go func() {
		defer close(measured)
		time.Sleep(l.every * time.Duration(l.messages) * 3 / 4)
		host, cells = pss(b, st.PID), cellsOf(b, st.PID)
	}()
	if took, err = l.bear(b.Context(), c); err != nil { // once, whatever the benchmark's time is
		b.Error(err)
	}
	b.ReportMetric(float64(l.messages)/time.Since(begun).Seconds(), "answers/s")
	b.ReportMetric(float64((processor(b, st.PID)-busy).Microseconds())/float64(l.messages), "cpu-µs")
	<-measured
	report(b, "", took)
	b.ReportMetric(host, "host-MB")
	b.ReportMetric(cells, "cells-MB")
	stop()
	if err := l.check(b.Context(), home); err != nil {
		b.Error(err)
	}
	var again []time.Duration
	computed := time.Duration(0)
	for range 9 {
		_, end := launch(b, bin, home)
		kill(b, home)
		end()
		begun := time.Now()
		c, stop := launch(b, bin, home)
		if err := l.ask(context.Background(), c, 0); err != nil {
			b.Error(err)
		}
		again = append(again, time.Since(begun))
		st, err := c.Status(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		computed += processor(b, st.PID)
		stop()
	}
	report(b, "again-", again)
	b.ReportMetric(float64(computed.Microseconds())/float64(len(again)), "again-cpu-µs")
}

// kill ends the host of a home by SIGKILL.
func kill(b *testing.B, home string) {
	b.Helper()
	c := control.NewClient(home)
	defer c.Close()
	st, err := c.Status(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	p, err := os.FindProcess(st.PID)
	if err == nil {
		err = p.Kill()
	}
	if err != nil {
		b.Fatal(err)
	}
}

// report gives the median and the 99th percentile.
func report(b *testing.B, what string, took []time.Duration) {
	b.Helper()
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds()), what+"p50-µs")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), what+"p99-µs")
}

// processor is the time that a process and its children have computed.
func processor(b *testing.B, pid int) (sum time.Duration) {
	b.Helper()
	for _, p := range append(childrenOf(b, pid), pid) {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p))
		if err != nil {
			b.Fatal(err)
		}
		_, rest, _ := strings.Cut(string(text), ") ")
		for _, ticks := range strings.Fields(rest)[11:13] { // of user and system, hundredths of a second
			n, err := strconv.Atoi(ticks)
			if err != nil {
				b.Fatal(err)
			}
			sum += time.Duration(n) * 10 * time.Millisecond
		}
	}
	return sum
}

// cellsOf is the memory (PSS) of a host's cells.
func cellsOf(b *testing.B, host int) (sum float64) {
	b.Helper()
	for _, pid := range childrenOf(b, host) {
		sum += pss(b, pid)
	}
	return sum
}

// BenchmarkIdle is a host with twenty plugins, five of them channels that poll:
// what it takes when nothing happens, cells included. Aim: 60 MB.
func BenchmarkIdle(b *testing.B) {
	if len(plugins.List()) == 0 {
		b.Skip("the first-party plugins are not built: make plugins")
	}
	dir, bin, home := built(b)
	c, stop := launch(b, bin, home)
	for i := range 15 {
		installCopy(b, c, filepath.Join(dir, "copies"), "notes", fmt.Sprintf("notes%d", i), nil)
	}
	for i := range 5 {
		telegram := telegramtest.New(b)
		name := fmt.Sprintf("telegram%d", i)
		if err := c.SetSecret(b.Context(), "TELEGRAM_TOKEN", []byte(telegram.Token)); err != nil {
			b.Fatal(err)
		}
		installCopy(b, c, filepath.Join(dir, "copies"), "telegram", name, map[string]string{"base_url": telegram.URL})
	}
	stop() // what installing took is not idle
	c, stop = launch(b, bin, home)
	defer stop()
	st, err := c.Status(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	list, err := c.Channels(b.Context())
	if err != nil || len(list) != 5 {
		b.Fatalf("channels %+v, %v", list, err)
	}
	begun := time.Now()
	for len(childrenOf(b, st.PID)) > 0 { // what a start needs cells for
		if time.Since(begun) > 10*time.Minute {
			b.Fatal("cells stay")
		}
		time.Sleep(time.Second)
	}
	rest := time.Since(begun)
	time.Sleep(5 * time.Second)
	if list, err = c.Channels(b.Context()); err != nil || strings.Contains(fmt.Sprint(list), "can't") {
		b.Errorf("channels %+v, %v", list, err)
	}
	b.ReportMetric(pss(b, st.PID)+cellsOf(b, st.PID), "all-MB")
	b.ReportMetric(rest.Seconds(), "rest-s")
}
