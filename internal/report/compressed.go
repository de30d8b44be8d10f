package report

import (
	"io"

	"github.com/klauspost/compress/flate"
)

// compressedSize passes on what is written, and estimates how large it is when
// compressed with gzip: by compressing it as fast as can be, which takes more
// room than what gzip does unless told otherwise.
type compressedSize struct {
	to         io.Writer
	flate      *flate.Writer
	compressed int64 // bytes, of what was compressed so far
}

func (c *compressedSize) Write(b []byte) (int, error) {
	if c.flate == nil {
		var err error
		if c.flate, err = flate.NewWriter(byteCounter{&c.compressed}, flate.BestSpeed); err != nil {
			return 0, err
		}
	}
	if _, err := c.flate.Write(b); err != nil {
		return 0, err
	}
	return c.to.Write(b)
}

// byteCounter counts what is written to it.
type byteCounter struct{ bytes *int64 }

func (c byteCounter) Write(b []byte) (int, error) {
	*c.bytes += int64(len(b))
	return len(b), nil
}
