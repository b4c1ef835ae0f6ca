#include "core/transition.hpp"

namespace baton::core {
namespace {

using enum Desired;
using enum State;
constexpr Set<Desired> either{Desired::run, drain, expire, Desired::cancel};
constexpr Set<Desired> going_on{Desired::run, drain, expire};
/// States in which a job may exist. WAITING_FOR_CLUSTER is one of them in rows that the reference wrote.
constexpr Set<State> live{pending, waiting_for_resources, waiting_for_cluster, State::started};
constexpr Set<State> not_begun{pending, waiting_for_resources, waiting_for_cluster};

// clang-format off
constexpr Rule table[] = {
    {either, live, Seen::finished, Transition::wait_for_result, "its result is on the way"},
    {either, live, Seen::done, Transition::succeed, "outputs come with SUCCESS, and a late cancel keeps them"},                        // R2
    {going_on, live, Seen::erred, Transition::fail, "the job reported an error"},                                                     // R10
    {either, live, Seen::silent, Transition::ask_again, "a silent backend fails nothing, and cannot be told anything"},               // R6
    {Desired::run, not_begun, Seen::unknown, Transition::submit, "stopped between commit and submit: the same id again"},             // R1
    {Desired::run, State::started, Seen::unknown, Transition::bar, "forgotten by the backend: first make sure, then lose it"},        // R15
    {Desired::run, live, Seen::barred, Transition::try_anew, "it can never begin any more: a new attempt may"},                       // R7
    {going_on, live, Seen::dead, Transition::lose, "it can never go on any more: a new attempt may"},                                 // R7
    {going_on, live, Seen::begun, Transition::wait_for_proof, "forgotten, yet it runs: its end record or its worker's end"},          // R6
    {Desired::run, not_begun, Seen::queued, Transition::queue, "the backend has it"},
    {Desired::run, not_begun, Seen::lacking, Transition::lack, "the backend has it and nothing there can run it"},
    {going_on, not_begun, Seen::running, Transition::start, "it has begun"},
    {going_on, State::started, Seen::running, Transition::wait, "it runs"},
    {going_on, State::started, {Seen::queued, Seen::lacking}, Transition::wait, "begun again elsewhere: its claim gives its result"},  // R15
    {drain, live, {Seen::unknown, Seen::queued, Seen::lacking}, Transition::bar, "nothing new begins once a failure was seen"},
    {drain, live, Seen::barred, Transition::abort, "proof: it never began"},
    {expire, live, {Seen::unknown, Seen::queued, Seen::lacking}, Transition::bar, "it waited too long: it must not begin any more"},  // R13
    {expire, live, Seen::barred, Transition::expire, "proof: it never began, and waited too long"},                                   // R13
    {Desired::cancel, live, {Seen::barred, Seen::dead, Seen::erred}, Transition::abort, "proof: nothing runs any more"},              // R11
    {Desired::cancel, live, Seen::unknown, Transition::bar, "no proof: a late submission may still be on its way"},                   // R15
    {Desired::cancel, live, {Seen::begun, Seen::queued, Seen::lacking, Seen::running}, Transition::cancel,
     "pursued by every pass until there is proof"},                                                                             // R11
};
// clang-format on

}  // namespace

std::span<const Rule> rules() { return table; }

const Rule& rule_for(Desired desired, State state, Seen seen) {
  for (const auto& rule : table)
    if (rule.desired.has(desired) && rule.state.has(state) && rule.seen.has(seen)) return rule;
  BATON_UNREACHABLE();
}

Settlement settlement(Owed owed, Seen seen) {
  switch (seen) {
    case Seen::silent: return Settlement::wait;
    // A forgotten key is no proof of a job that may have begun (R11): only its claim tells.
    case Seen::unknown: return owed == Owed::kill ? Settlement::bar : Settlement::settle;
    case Seen::begun:
    case Seen::queued:
    case Seen::lacking:
    case Seen::running: return owed == Owed::kill ? Settlement::kill : Settlement::release;
    // Proof; and a late submission may have left its key behind, so that only "unknown" says that nothing is held.
    case Seen::barred:
    case Seen::dead:
    case Seen::finished:
    case Seen::done:
    case Seen::erred: return owed == Owed::kill ? Settlement::prove : Settlement::release;
  }
  BATON_UNREACHABLE();
}

bool may_retry(const Retries& retries, EndKind kind) {
  switch (kind) {
    case EndKind::ok: return false;
    case EndKind::timeout:
    case EndKind::silence: return retries.on_timeout;
    case EndKind::oom: return retries.on_oom;
    case EndKind::exit:
    case EndKind::signal:
    case EndKind::output:
    case EndKind::cancelled:
    case EndKind::spawn: return retries.on_exit;
  }
  BATON_UNREACHABLE();
}

std::string_view to_text(Desired desired) {
  switch (desired) {
    case Desired::run: return "run";
    case drain: return "drain";
    case expire: return "expire";
    case Desired::cancel: return "cancel";
  }
  BATON_UNREACHABLE();
}

std::string_view to_text(Transition step) {
  switch (step) {
    case Transition::wait: return "wait";
    case Transition::wait_for_result: return "wait_for_result";
    case Transition::ask_again: return "ask_again";
    case Transition::wait_for_proof: return "wait_for_proof";
    case Transition::queue: return "queue";
    case Transition::lack: return "lack";
    case Transition::start: return "start";
    case Transition::submit: return "submit";
    case Transition::bar: return "bar";
    case Transition::cancel: return "cancel";
    case Transition::succeed: return "succeed";
    case Transition::fail: return "fail";
    case Transition::lose: return "lose";
    case Transition::try_anew: return "try_anew";
    case Transition::abort: return "abort";
    case Transition::expire: return "expire";
  }
  BATON_UNREACHABLE();
}

}  // namespace baton::core
