// Package native serves a plugin as a go-plugin process of its own. Start at
// [Serve]. Such a binary must be static (CGO_ENABLED=0): its cell lets it
// execute and read nothing but itself.
package native
