package spinnaker

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"cutover/cmd/internal/lab/spinnaker/spel"
)

// webhook makes one request. Waiting for what the request started is not part of the stand-in.
func webhook(ctx context.Context, r *stageRun) (outcome, error) {
	if r.context["waitForCompletion"] == true {
		return outcome{}, errors.New("the stand-in's webhook stage cannot wait for completion")
	}
	var body io.Reader
	if payload := r.context["payload"]; payload != nil {
		data, err := json.Marshal(payload)
		if err != nil {
			return outcome{}, err
		}
		body = bytes.NewReader(data)
	}
	method := strings.ToUpper(cmp.Or(textOf(r.context, "method"), http.MethodPost))
	request, err := http.NewRequestWithContext(ctx, method, textOf(r.context, "url"), body)
	if err != nil {
		return outcome{}, err
	}
	request.Header.Set("Content-Type", "application/json")
	for name, value := range objectOf(r.context, "customHeaders") {
		request.Header.Set(name, spel.String(value))
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return outcome{}, err
	}
	defer func() { _ = response.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(response.Body, largestBody))
	if err != nil {
		return outcome{}, err
	}
	var value any
	if json.Unmarshal(answer, &value) != nil {
		value = string(answer)
	}
	report := map[string]any{"statusCode": response.Status, "statusCodeValue": float64(response.StatusCode), "body": value}
	out := outcome{context: map[string]any{"webhook": report}, outputs: map[string]any{"webhook": report}}
	if response.StatusCode >= 300 {
		return out, fmt.Errorf("%s %s answered %s", method, request.URL.Redacted(), response.Status)
	}
	return out, nil
}

// jenkins pretends that a build succeeded.
func jenkins(_ context.Context, r *stageRun) (outcome, error) {
	master, job := textOf(r.context, "master"), textOf(r.context, "job")
	if master == "" || job == "" {
		return outcome{}, errors.New("a jenkins stage needs a master and a job")
	}
	r.server.mu.Lock()
	r.server.builds++
	number := float64(r.server.builds)
	r.server.mu.Unlock()
	build := map[string]any{
		"number": number, "name": job, "fullDisplayName": fmt.Sprintf("%s #%.0f", job, number),
		"building": false, "result": "SUCCESS", "simulated": true,
	}
	return outcome{
		context: map[string]any{"buildNumber": number, "buildInfo": build},
		outputs: map[string]any{"buildInfo": build},
	}, nil
}
