package main

func Example() {
	main()
	// Output:
	// not linked: true
	// linked: [2 x pen at 120 1 x ink at 450] 690
}
