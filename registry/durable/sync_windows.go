package durable

// Sync does nothing: Windows has no sync of a folder; its file system
// journals renames.
func Sync(string) error { return nil }
