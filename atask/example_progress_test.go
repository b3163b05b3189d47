package atask_test

import (
	"context"
	"fmt"
	"time"

	"github.com/atasks-io/atasks/atask"
)

var Upload = atask.Define("upload", func(ctx context.Context, files []string) (int, error) {
	for i, file := range files {
		atask.Progress(ctx, int64(i+1), int64(len(files)), file)
	}
	return len(files), nil
})

func ExampleOnProgress() {
	ctx := context.Background()
	node, err := local(ctx, Upload)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer node.Close()

	// Reports that come in quick succession are thinned out; the last one is
	// always seen, perhaps a moment after Await has returned.
	last := make(chan atask.ProgressReport, 1)
	_, err = Upload.Await(node.Context(ctx), []string{"a.png", "b.png", "c.png"}, atask.OnProgress(func(p atask.ProgressReport) {
		if p.Done == p.Total {
			last <- p
		}
	}))
	if err != nil {
		fmt.Println(err)
		return
	}
	p := <-last
	fmt.Printf("%d of %d: %s\n", p.Done, p.Total, p.Note)
	// Output: 3 of 3: c.png
}

var Migrate = atask.Declare[atask.None, atask.None]("migrate")

func ExampleProgress() {
	ctx := context.Background()
	begun, finish := make(chan struct{}), make(chan struct{})
	node, err := local(ctx, Migrate.With(func(ctx context.Context, _ atask.None) (atask.None, error) {
		atask.Progress(ctx, 40, 100, "orders of 2019")
		close(begun)
		<-finish
		return atask.None{}, nil
	}))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer node.Close()

	f := Migrate.Start(node.Context(ctx), atask.None{})
	<-begun
	calls, err := node.Calls(ctx, 50*time.Millisecond) // what an operator sees
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, c := range calls {
		fmt.Println(c.Task, c.State, c.Progress.Done, c.Progress.Total, c.Progress.Note)
	}
	close(finish)
	_, err = f.Await(ctx)
	fmt.Println(err)
	// Output:
	// migrate running 40 100 orders of 2019
	// <nil>
}
