//go:build !linux

package report

import "time"

func processorTime() time.Duration { return 0 }
