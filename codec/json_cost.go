package codec

// What encoding/json allocates, in bytes, rounded up. Slices grow by a quarter
// or more and maps by half, and what they have grown out of is garbage, so that
// a large one takes several times what it holds in the end.
const (
	sliceGrowth = 6
	mapGrowth   = 4
	mapHeader   = 64
	mapGroup    = 8 // entries that the first one makes room for

	anySize    = 16
	anyEntry   = 16 + anySize
	numberCost = 48  // a json.Number in an interface, then the number itself
	stringCost = 24  // a string in an interface, beside its bytes
	errorCost  = 120 // the error for a value that does not fit; there can be one for each
)

// valueCost is the most that one value of x takes beside its place in what it
// is a part of, with the first entry if it is a map.
func (x *jsonType) valueCost() int64 {
	switch x.kind {
	case jsonAny, jsonMap:
		return max(numberCost, x.mapCost()+x.entryCost(0))
	case jsonPointer:
		return int64(x.elem.typ.Size()) + 8
	}
	return errorCost
}

// elementCost is what the place of an element takes.
func (x *jsonType) elementCost() int64 {
	switch {
	case x == nil:
		return 0
	case x.kind == jsonAny:
		return sliceGrowth * anySize
	case x.kind == jsonSlice:
		return sliceGrowth * int64(x.elem.typ.Size())
	}
	return 0
}

// mapCost is what an object without entries takes.
func (x *jsonType) mapCost() int64 {
	if x != nil && (x.kind == jsonAny || x.kind == jsonMap) {
		return mapHeader
	}
	return 0
}

// entryCost is what the place of the entry number n takes.
func (x *jsonType) entryCost(n int) int64 {
	var size int64
	switch {
	case x == nil:
		return 0
	case x.kind == jsonAny:
		size = anyEntry
	case x.kind == jsonMap && x.parsesKeys: // parsedKeys holds them as well
		size = int64(2*x.typ.Key().Size() + x.elem.typ.Size() + mapHeader/mapGroup)
	case x.kind == jsonMap:
		size = int64(x.typ.Key().Size() + x.elem.typ.Size())
	}
	switch {
	case n == 0:
		return mapGroup * (size + 2)
	case n < mapGroup || size == 0:
		return 0
	}
	return mapGrowth * (size + 2)
}
