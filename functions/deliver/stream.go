package deliver

import (
	"context"
	"slices"
	"strings"
	"sync"

	"github.com/aws/aws-lambda-go/lambdacontext"

	"overseaspay/shared/store"
	"overseaspay/shared/web"
)

// Batch is what Lambda reads from the stream, as far as it matters here: the key
// of each order and the ids of its undelivered events, before and after.
type Batch struct {
	Records []Record `json:"Records"`
}

// Record is one change of an item. The attributes are those of store/dynamo.
type Record struct {
	Change struct {
		SequenceNumber string `json:"SequenceNumber"`
		Keys           struct {
			PK struct {
				S string `json:"S"`
			} `json:"pk"`
			SK struct {
				S string `json:"S"`
			} `json:"sk"`
		} `json:"Keys"`
		NewImage image `json:"NewImage"`
		OldImage image `json:"OldImage"` // empty if the item is new
	} `json:"dynamodb"`
}

type image struct {
	Events struct {
		SS []string `json:"SS"`
	} `json:"events"`
}

// fresh are the events that this very change brought, or made due again. Of an
// order that is saved for another reason nothing is told twice.
func (r Record) fresh() []string {
	return slices.DeleteFunc(slices.Clone(r.Change.NewImage.Events.SS), func(id string) bool {
		return slices.Contains(r.Change.OldImage.Events.SS, id)
	})
}

// order names the order that changed. The filter lets nothing else through.
func (r Record) order() (store.Key, bool) {
	merchant, no, ok := strings.Cut(r.Change.Keys.PK.S, "/")
	return store.Key{Merchant: merchant, OutTradeNo: no}, ok && r.Change.Keys.SK.S == "order"
}

// Failures is Lambda's partial batch response: the records to read again. Lambda
// goes back to the first of them; what follows it and was told is passed over then.
type Failures struct {
	Items []Failure `json:"batchItemFailures"`
}

// Failure names a record by its sequence number.
type Failure struct {
	Item string `json:"itemIdentifier"`
}

// Handle tells shops of the new events of a batch, all records at once, so that a
// slow shop costs the others nothing. The error is always nil: records that failed
// through a fault of our own are named, and only those.
func (f *Function) Handle(ctx context.Context, b Batch) (Failures, error) {
	if lc, ok := lambdacontext.FromContext(ctx); ok {
		ctx = web.WithRequestID(ctx, lc.AwsRequestID)
	}
	failed := make([]error, len(b.Records))
	var wg sync.WaitGroup
	for i, r := range b.Records {
		key, ok := r.order()
		if ids := r.fresh(); ok && len(ids) > 0 {
			wg.Go(func() { failed[i] = f.Tell(ctx, key, ids) })
		}
	}
	wg.Wait()
	out := Failures{Items: []Failure{}}
	for i, err := range failed {
		if err == nil {
			continue
		}
		key, _ := b.Records[i].order()
		f.Log.ErrorContext(ctx, "deliver", "merchant", key.Merchant, "out_trade_no", key.OutTradeNo, "error", err.Error())
		out.Items = append(out.Items, Failure{b.Records[i].Change.SequenceNumber})
	}
	return out, nil
}
