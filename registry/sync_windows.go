package registry

// syncDir does nothing: Windows has no sync of a folder; its file system
// journals renames.
func syncDir(string) error { return nil }
