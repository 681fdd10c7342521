package clock

import (
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Wake implements [Clock] by a timer of the kernel's wall clock (timerfd), which
// counts the time that the machine sleeps and tells when the clock is set.
func (System) Wake(at time.Time) (<-chan time.Time, func()) {
	f, err := wallTimer(at)
	if err != nil {
		return within(at, 10*time.Minute)
	}
	woken, over := make(chan time.Time, 1), make(chan struct{})
	go func() {
		defer close(over)
		var count [8]byte
		_, _ = f.Read(count[:]) // an error is a clock that was set, or stop: both end the wait
		woken <- time.Now()
	}()
	return woken, sync.OnceFunc(func() {
		_ = f.Close()
		<-over
	})
}

func wallTimer(at time.Time) (*os.File, error) {
	fd, err := unix.TimerfdCreate(unix.CLOCK_REALTIME, unix.TFD_CLOEXEC|unix.TFD_NONBLOCK)
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(fd), "timer")
	spec := unix.ItimerSpec{Value: unix.NsecToTimespec(max(1, at.UnixNano()))}
	if err := unix.TimerfdSettime(fd, unix.TFD_TIMER_ABSTIME|unix.TFD_TIMER_CANCEL_ON_SET, &spec, nil); err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}
