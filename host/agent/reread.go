package agent

// Reread has the next turn of each session read its history anew: something was
// taken out of it.
func (a *Agent) Reread() {
	a.mu.Lock()
	defer a.mu.Unlock()
	clear(a.readings)
}
