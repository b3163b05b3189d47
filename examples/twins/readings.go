package main

import (
	_ "embed" // for the readings
	"encoding/csv"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// readingsFile holds a day of made-up readings of six stations, in the order in
// which they were made.
//
//go:embed readings.csv
var readingsFile string

// named is a reading with the station that it is of.
type named struct {
	Station string
	Reading
}

// parseReadings reads lines of station, time, temperature and wind, after one
// that says so, and numbers the readings of each station.
func parseReadings(text string) ([]named, error) {
	r := csv.NewReader(strings.NewReader(text))
	r.FieldsPerRecord = 4
	lines, err := r.ReadAll()
	if err != nil {
		return nil, fmt.Errorf("read the readings: %w", err)
	}
	if len(lines) == 0 {
		return nil, nil
	}
	numbers := make(map[string]int)
	all := make([]named, 0, len(lines))
	for i, line := range lines[1:] {
		one := named{Station: line[0]}
		if one.At, err = time.Parse(time.RFC3339, line[1]); err == nil {
			one.Temperature, err = strconv.ParseFloat(line[2], 64)
		}
		if err == nil {
			one.Wind, err = strconv.ParseFloat(line[3], 64)
		}
		if err != nil {
			return nil, fmt.Errorf("read the readings: line %d: %w", i+2, err)
		}
		numbers[one.Station]++
		one.Number = numbers[one.Station]
		all = append(all, one)
	}
	return all, nil
}
