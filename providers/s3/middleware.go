package s3

import (
	"context"
	"fmt"

	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/pandastack-io/pandastack/internal/storage"
)

type stackFunc = func(*middleware.Stack) error

// middleware returns what every request of s goes through.
func (s *Store) middleware() []stackFunc {
	var fs []stackFunc
	if len(s.headers) > 0 {
		fs = append(fs, setHeaders(s.headers))
	}
	if s.googleFrontEnd {
		fs = append(fs, hideAcceptEncoding)
	}
	return fs
}

// withHeaders sends the headers as they are. One function serves PutObject,
// CopyObject and CreateMultipartUpload, whose inputs name them differently and
// allow only a time in Expires.
func withHeaders(sets ...map[string]string) func(*awss3.Options) {
	return func(o *awss3.Options) {
		for _, h := range sets {
			if len(h) > 0 {
				o.APIOptions = append(o.APIOptions, setHeaders(h))
			}
		}
	}
}

func setHeaders(h map[string]string) stackFunc {
	return func(stack *middleware.Stack) error {
		id := fmt.Sprintf("SetHeaders%d", len(stack.Build.List()))
		return stack.Build.Add(middleware.BuildMiddlewareFunc(id, func(ctx context.Context, in middleware.BuildInput, next middleware.BuildHandler) (middleware.BuildOutput, middleware.Metadata, error) {
			if req, ok := in.Request.(*smithyhttp.Request); ok {
				for name, v := range h {
					req.Header.Set(name, v)
				}
			}
			return next.HandleBuild(ctx, in)
		}), middleware.After)
	}
}

// withPayload signs the SHA-256 that is known from the scan, so that the body
// is not hashed once more for the signature, and the service refuses a body
// that is another one.
func withPayload(sum storage.Digest) func(*awss3.Options) {
	return func(o *awss3.Options) {
		o.APIOptions = append(o.APIOptions, func(stack *middleware.Stack) error {
			return stack.Finalize.Insert(middleware.FinalizeMiddlewareFunc("KnownPayloadHash", func(ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler) (middleware.FinalizeOutput, middleware.Metadata, error) {
				return next.HandleFinalize(v4.SetPayloadHash(ctx, sum.String()), in)
			}), "ComputePayloadHash", middleware.Before)
		})
	}
}

// hideAcceptEncoding keeps Accept-Encoding out of the signature, because
// Google's front end rewrites it on the way. It is sent as gzip: anything else
// makes the service decompress objects that are stored compressed.
func hideAcceptEncoding(stack *middleware.Stack) error {
	before := middleware.FinalizeMiddlewareFunc("HideAcceptEncoding", func(ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler) (middleware.FinalizeOutput, middleware.Metadata, error) {
		if req, ok := in.Request.(*smithyhttp.Request); ok {
			req.Header.Del("Accept-Encoding")
			q := req.URL.Query()
			q.Del("x-id") // the SDK's, for its own logs
			req.URL.RawQuery = q.Encode()
		}
		return next.HandleFinalize(ctx, in)
	})
	after := middleware.FinalizeMiddlewareFunc("SendAcceptEncoding", func(ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler) (middleware.FinalizeOutput, middleware.Metadata, error) {
		if req, ok := in.Request.(*smithyhttp.Request); ok {
			req.Header.Set("Accept-Encoding", "gzip")
		}
		return next.HandleFinalize(ctx, in)
	})
	if err := stack.Finalize.Insert(before, "Signing", middleware.Before); err != nil {
		return err
	}
	return stack.Finalize.Insert(after, "Signing", middleware.After)
}
