package actor

import (
	"errors"
	"fmt"
	"reflect"
)

// upgrade is a step from one shape of a kind's state to the next.
type upgrade struct {
	from, to reflect.Type
	apply    func(encoded []byte, state any) (any, error) // one of the two is given; makes a *To
}

// Upgrade says how state that was stored in an earlier shape takes the next
// one. Give one for each change that a codec does not bridge by itself, the
// oldest first: From of each is what the state was until then, To is From of
// the next, and the last To is the kind's state of today. Fields that were added
// or left out need no upgrade: they begin as zero, or are ignored.
//
//	actor.DeclareKind[CartV3]("cart",
//		actor.Upgrade(func(v CartV1) (CartV2, error) { … }),
//		actor.Upgrade(func(v CartV2) (CartV3, error) { … }))
//
// The number of upgrades is the number of the shape, and is stored with the
// state. It is upgraded when the entity is next asked for something, and
// stored when a method next saves. A node that meets a shape newer than those it
// knows refuses the message: deploy hosts of a kind before you count on a new
// shape, and keep the upgrades for as long as old state may be stored. When fn
// fails, so does the message, and the state stays as it is.
func Upgrade[From, To any](fn func(From) (To, error)) KindOption {
	return func(k *kindDecl) {
		u := upgrade{from: reflect.TypeFor[From](), to: reflect.TypeFor[To]()}
		if fn == nil {
			k.optErr = join(k.optErr, errors.New("Upgrade(nil): give it a function"))
			return
		}
		if n := len(k.upgrades); n > 0 && k.upgrades[n-1].to != u.from {
			k.optErr = join(k.optErr, fmt.Errorf("Upgrade from %v comes after one to %v: give them in order", u.from, k.upgrades[n-1].to))
		}
		u.apply = func(encoded []byte, state any) (any, error) {
			from, ok := state.(*From)
			if !ok {
				from = new(From)
				if err := stateCodec().Unmarshal(encoded, from); err != nil {
					return nil, err
				}
			}
			to, err := fn(*from)
			return &to, err
		}
		k.upgrades = append(k.upgrades, u)
	}
}

// restore makes a *S of state that was stored in a shape.
func (i *kindImplementation) restore(encoded []byte, shape int) (any, error) {
	var state any
	for n := shape; n < len(i.upgrades); n++ {
		var err error
		if state, err = i.upgrades[n].apply(encoded, state); err != nil {
			return nil, fmt.Errorf("upgrade from %v to %v: %w", i.upgrades[n].from, i.upgrades[n].to, err)
		}
	}
	if state != nil {
		return state, nil
	}
	return i.decode(encoded)
}
