#include "road/admission_metrics.h"

namespace drover::road {
namespace {

constexpr const char* kFastWaiting = "drover_fast_calls_waiting";
constexpr const char* kOthersWaiting = "drover_other_calls_waiting";
constexpr const char* kResting = "drover_slow_calls_resting";

size_t index_of(ServiceClass path) { return path == ServiceClass::kSlow ? 1 : 0; }

}  // namespace

AdmissionMetrics::AdmissionMetrics(trace::Metrics* m, const Admission& admission) : metrics_(m) {
  if (m == nullptr) return;
  trace::Family& admitted = m->counter(
      "drover_admitted_total", "Model calls that got their places, by path.", {"class", "how"});
  for (ServiceClass path : {ServiceClass::kFast, ServiceClass::kSlow}) {
    at_once_[index_of(path)] = &admitted.with({service_class_name(path), "at_once"});
    after_wait_[index_of(path)] = &admitted.with({service_class_name(path), "after_waiting"});
  }
  wait_ = &m->histogram("drover_admission_wait_seconds", "How long those waited that had to.",
                        {"class"}, trace::duration_bounds());
  shed_ = &m->counter("drover_shed_total", "Model calls refused for want of a place.",
                      {"class", "tenant", "reason"});
  rounds_ = &m->counter("drover_resubmitted_total", "Rounds of slow calls after their first.");
  hedges_ = &m->counter("drover_hedges_total",
                        "Second attempts beside a first that was late: started, and who won.",
                        {"outcome"});
  hedge_cost_ = &m->counter("drover_hedge_cost_usd_total",
                            "What the attempts cost that lost against their hedge, or it.");
  const Admission* a = &admission;
  m->gauge_of(kFastWaiting, "Fast calls that wait for a place.",
              [a] { return static_cast<double>(a->waiting(true)); });
  m->gauge_of(kOthersWaiting, "Slow and auto calls that wait for a place.",
              [a] { return static_cast<double>(a->waiting(false)); });
  m->gauge_of(kResting, "Slow calls between two rounds.",
              [a] { return static_cast<double>(a->resting()); });
}

AdmissionMetrics::~AdmissionMetrics() {
  if (metrics_ == nullptr) return;
  for (const char* name : {kFastWaiting, kOthersWaiting, kResting}) metrics_->forget_gauge(name);
}

void AdmissionMetrics::admitted(ServiceClass path, bool waited, Duration wait) {
  if (metrics_ == nullptr) return;
  (waited ? after_wait_ : at_once_)[index_of(path)]->add(1);
  if (!waited) return;
  wait_->with({service_class_name(path)}).observe(to_seconds(wait));
}

void AdmissionMetrics::shed(ServiceClass path, std::string_view tenant, std::string_view why) {
  if (metrics_ != nullptr) shed_->with({service_class_name(path), tenant, why}).add(1);
}

void AdmissionMetrics::resubmitted() {
  if (metrics_ != nullptr) rounds_->with({}).add(1);
}

void AdmissionMetrics::hedged() {
  if (metrics_ != nullptr) hedges_->with({"started"}).add(1);
}

void AdmissionMetrics::hedge_over(bool second_won, Money cost) {
  if (metrics_ == nullptr) return;
  hedges_->with({second_won ? "won" : "lost"}).add(1);
  hedge_cost_->with({}).add(cost.to_double());
}

}  // namespace drover::road
