package ciexamples

import (
	"fmt"
	"strings"
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/kubernetes/pkg/api/legacyscheme"
	podutil "k8s.io/kubernetes/pkg/api/pod"
	"k8s.io/kubernetes/pkg/apis/batch"
	_ "k8s.io/kubernetes/pkg/apis/batch/install" // the kinds that the API server knows
	batchvalidation "k8s.io/kubernetes/pkg/apis/batch/validation"
	"k8s.io/kubernetes/pkg/apis/core"
	_ "k8s.io/kubernetes/pkg/apis/core/install" // the kinds that the API server knows
	corevalidation "k8s.io/kubernetes/pkg/apis/core/validation"
	psaapi "k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
)

// applied decodes a manifest, fills in defaults and validates it, with the code
// by which the API server does so. Unknown and repeated fields are mistakes.
func applied(manifest string) (objects []runtime.Object, err error) {
	decoder := serializer.NewCodecFactory(legacyscheme.Scheme, serializer.EnableStrict).UniversalDeserializer()
	for document := range strings.SplitSeq(manifest, "\n---\n") {
		object, kind, err := decoder.Decode([]byte(document), nil, nil)
		if err != nil {
			return nil, err
		}
		legacyscheme.Scheme.Default(object)
		internal, err := legacyscheme.Scheme.ConvertToVersion(object, runtime.InternalGroupVersioner)
		if err != nil {
			return nil, err
		}
		if err := valid(internal).ToAggregate(); err != nil {
			return nil, fmt.Errorf("%s: %w", kind.Kind, err)
		}
		objects = append(objects, object)
	}
	return objects, nil
}

func valid(object runtime.Object) field.ErrorList {
	switch o := object.(type) {
	case *batch.CronJob:
		options := podutil.GetValidationOptionsFromPodTemplate(&o.Spec.JobTemplate.Spec.Template, nil)
		return batchvalidation.ValidateCronJobCreate(o, options)
	case *core.ConfigMap:
		return corevalidation.ValidateConfigMap(o)
	case *core.Namespace:
		return corevalidation.ValidateNamespace(o)
	case *core.PersistentVolumeClaim:
		return corevalidation.ValidatePersistentVolumeClaim(o, corevalidation.ValidationOptionsForPersistentVolumeClaim(o, nil))
	case *core.ServiceAccount:
		return corevalidation.ValidateServiceAccount(o)
	}
	return field.ErrorList{field.InternalError(nil, fmt.Errorf("nothing validates %T", object))}
}

func TestKubernetes(t *testing.T) {
	objects, err := applied(string(read(t, "examples/ci/kubernetes.yaml")))
	if err != nil {
		t.Fatal(err)
	}
	cron := objects[len(objects)-1].(*batchv1.CronJob)
	for _, object := range objects[1:] {
		if namespace := object.(interface{ GetNamespace() string }).GetNamespace(); namespace != cron.Namespace {
			t.Errorf("%T is in the namespace %q", object, namespace)
		}
	}
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		t.Fatal(err)
	}
	template := cron.Spec.JobTemplate.Spec.Template
	restricted := psaapi.LevelVersion{Level: psaapi.LevelRestricted, Version: psaapi.LatestVersion()}
	for _, result := range evaluator.EvaluatePod(restricted, &template.ObjectMeta, &template.Spec) {
		if !result.Allowed {
			t.Errorf("the pod security standard \"restricted\" forbids it: %s, %s", result.ForbiddenReason, result.ForbiddenDetail)
		}
	}
	container := template.Spec.Containers[0]
	if context := container.SecurityContext; !*context.ReadOnlyRootFilesystem {
		t.Error("the root can be written")
	}
	if container.Resources.Limits.Memory().IsZero() || container.Resources.Requests.Cpu().IsZero() {
		t.Error("there is no request or limit of resources")
	}
}

func TestKubernetesFindsMistakes(t *testing.T) {
	example := string(read(t, "examples/ci/kubernetes.yaml"))
	for _, c := range []struct{ from, to, want string }{
		{"concurrencyPolicy: Forbid", "concurencyPolicy: Forbid", `unknown field "spec.concurencyPolicy"`},
		{"schedule: '17 3 * * *'", "schedule: nightly", "spec.schedule: Invalid value"},
		{"- name: tmp\n                  mountPath", "- name: temp\n                  mountPath", `volumeMounts[2].name: Not found: "temp"`},
		{"restartPolicy: Never", "restartPolicy: OnFailure", "restartPolicy: Invalid value"},
	} {
		broken := strings.Replace(example, c.from, c.to, 1)
		if _, err := applied(broken); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", c.to, err, c.want)
		}
	}
}
