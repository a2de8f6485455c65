//go:build !wasip1

// On the host the same program is a filter, for trying things by hand: one JSON request on stdin, the response on
// stdout.
package main

import (
	"io"
	"os"
)

func main() {
	in, err := io.ReadAll(os.Stdin)
	if err != nil {
		os.Exit(1)
	}
	os.Stdout.Write(append(serve(in), '\n'))
}
