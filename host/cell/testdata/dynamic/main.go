// Command dynamic is linked dynamically, as cgo makes it: no cell runs it.
package main

// #include <stdlib.h>
import "C"

func main() { C.free(nil) }
