package main

import (
	"context"
	"fmt"
	"time"

	"github.com/atasks-io/atasks/actor"
	"github.com/atasks-io/atasks/atask"
)

// Reading is what a weather station measures every quarter of an hour. Number
// counts the readings of a station, from 1.
type Reading struct {
	Number      int
	At          time.Time
	Temperature float64 // in °C
	Wind        float64 // in m/s
}

// Figures sum up some readings.
type Figures struct {
	Count    int
	Min, Max float64
	Sum      float64
}

func (f *Figures) add(v float64) {
	if f.Count == 0 || v < f.Min {
		f.Min = v
	}
	if f.Count == 0 || v > f.Max {
		f.Max = v
	}
	f.Count++
	f.Sum += v
}

// Mean is 0 of nothing.
func (f Figures) Mean() float64 {
	if f.Count == 0 {
		return 0
	}
	return f.Sum / float64(f.Count)
}

// Twin is what is known of a station: the state behind its name.
type Twin struct {
	Last   int       // the number of the reading that came last
	Recent []Reading // those of the last hour, the oldest first
	Day    Figures   // temperatures of the day
	Gusts  Figures   // wind of the day
	Storm  bool      // the mean wind of the last hour is that of a storm
	Storms int
}

// A storm begins above one mean wind and ends below another, lest it come and
// go with every gust.
const (
	stormBegins = 17.0 // m/s
	stormEnds   = 14.0
)

// Warning tells people that a storm has begun, or is over.
type Warning struct {
	Station string
	At      time.Time
	Storm   bool
	Wind    float64
}

var (
	// Stations is the kind.
	Stations = actor.DeclareKind[Twin]("station")
	// Observe gives a twin the next reading, and answers whether it was new.
	Observe = actor.Method[Reading, bool](Stations, "observe", actor.Idempotent())
	// Look answers with the twin.
	Look = actor.Method[atask.None, Twin](Stations, "look", actor.ReadOnly())

	// Warn is the task that warns people.
	Warn = atask.Declare[Warning, atask.None]("warn", atask.Idempotent())
)

// observe takes a reading, once however often it comes: who sent it to a host
// that died does not know whether it was taken, and sends it again. The first
// answer says whether it was new.
func (t *Twin) observe(ctx context.Context, r Reading) (bool, error) {
	switch {
	case r.Number <= t.Last:
		return false, nil
	case r.Number > t.Last+1:
		return false, fmt.Errorf("reading %d comes after %d", r.Number, t.Last)
	}
	t.Last = r.Number
	t.Day.add(r.Temperature)
	t.Gusts.add(r.Wind)
	t.Recent = append(t.Recent, r)
	for r.At.Sub(t.Recent[0].At) >= time.Hour {
		t.Recent = t.Recent[1:]
	}
	wind := t.wind()
	if !t.Storm && wind <= stormBegins || t.Storm && wind >= stormEnds {
		return true, nil
	}
	if t.Storm = !t.Storm; t.Storm {
		t.Storms++
	}
	// If nobody can be warned the reading is not taken, and comes again.
	station, _ := actor.KeyFrom(ctx)
	_, err := Warn.Await(ctx, Warning{Station: station, At: r.At, Storm: t.Storm, Wind: wind})
	return true, err
}

// wind is the mean of the last hour.
func (t *Twin) wind() float64 {
	var f Figures
	for _, r := range t.Recent {
		f.add(r.Wind)
	}
	return f.Mean()
}

func (t *Twin) look(context.Context, atask.None) (Twin, error) { return *t, nil }

func stations() actor.Servable {
	return Stations.With(Observe.With((*Twin).observe), Look.With((*Twin).look))
}
