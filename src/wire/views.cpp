#include "wire/views.hpp"

#include <charconv>
#include <concepts>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <utility>

#include "core/time_text.hpp"
#include "store/codec/codec.hpp"

namespace baton::wire {
namespace {

/// A member is not what it should be. Leaves this file as api.invalid only.
struct Invalid : std::runtime_error {
  Invalid(const std::string& member, const std::string& what) : std::runtime_error(what), where(member) {}
  std::string where;
};
struct TooDeep : std::exception {};

/// The members of one object, read one after the other.
class Members {
 public:
  explicit Members(const json& object) : object_(object) {
    if (!object.is_object()) throw Invalid("", "an object is expected");
  }

  /// `into` stays as it is where the member is missing or null.
  template <class T>
  void read(const char* name, T& into) const {
    const auto found = object_.find(name);
    if (found != object_.end() && !found->is_null()) value(name, *found, into);
  }
  template <class T>
  void need(const char* name, T& into) const {
    const auto found = object_.find(name);
    if (found == object_.end() || found->is_null()) throw Invalid(name, "the member is missing");
    value(name, *found, into);
  }
  /// Through a reader of the store's texts.
  template <class T>
  void stored(const char* name, T& into, Result<T> (*from)(std::string_view)) const {
    const auto found = object_.find(name);
    if (found == object_.end() || found->is_null()) return;
    auto read = from(dump(*found));
    if (!read) throw Invalid(name, read.error().what);
    into = std::move(*read);
  }
  void stored(const char* name, std::shared_ptr<const core::Success>& into) const {
    const auto found = object_.find(name);
    if (found == object_.end() || found->is_null()) return;
    auto read = store::success_from(dump(*found));
    if (!read) throw Invalid(name, read.error().what);
    into = std::make_shared<const core::Success>(std::move(*read));
  }

 private:
  static void value(const char* name, const json& from, std::string& into) {
    if (!from.is_string()) throw Invalid(name, "a text is expected");
    into = from.get_ref<const std::string&>();
  }
  static void value(const char* name, const json& from, bool& into) {
    if (!from.is_boolean()) throw Invalid(name, "true or false is expected");
    into = from.get<bool>();
  }
  static void value(const char* name, const json& from, double& into) {
    if (!from.is_number()) throw Invalid(name, "a number is expected");
    into = from.get<double>();
  }
  template <std::integral Number>
  static void value(const char* name, const json& from, Number& into) {
    if (!from.is_number_integer()) throw Invalid(name, "a whole number is expected");
    const bool too_large = from.is_number_unsigned() && !std::in_range<Number>(from.get<std::uint64_t>());
    const bool outside = !from.is_number_unsigned() && !std::in_range<Number>(from.get<std::int64_t>());
    if (too_large || outside) throw Invalid(name, "the number cannot be held");
    into = from.get<Number>();
  }
  static void value(const char* name, const json& from, core::Instant& into) {
    std::string text;
    value(name, from, text);
    const auto time = instant_from(text);
    if (!time) throw Invalid(name, "a time such as 2026-11-28T18:30:37.123456Z is expected");
    into = *time;
  }
  template <class Tag, class Rep>
  static void value(const char* name, const json& from, Id<Tag, Rep>& into) {
    Rep plain{};
    value(name, from, plain);
    into = Id<Tag, Rep>(std::move(plain));
  }
  static void value(const char* name, const json& from, Fence& into) {
    std::int64_t plain = 0;
    value(name, from, plain);
    into = Fence(plain);
  }
  template <class T>
  static void value(const char* name, const json& from, std::optional<T>& into) {
    value(name, from, into.emplace());
  }
  template <class Enum>
  static void named(const char* name, const json& from, Enum& into, std::optional<Enum> (*of)(std::string_view)) {
    std::string text;
    value(name, from, text);
    const auto found = of(text);
    if (!found) throw Invalid(name, "there is no '" + text + "' here");
    into = *found;
  }
  static void value(const char* name, const json& from, core::State& into) { named(name, from, into, core::state_from); }
  static void value(const char* name, const json& from, core::Desire& into) { named(name, from, into, core::desire_from); }
  static void value(const char* name, const json& from, core::Waiting& into) { named(name, from, into, core::waiting_from); }
  static void value(const char* name, const json& from, core::Outcome& into) { named(name, from, into, core::outcome_from); }
  static void value(const char* name, const json& from, core::Owed& into) { named(name, from, into, core::owed_from); }

  const json& object_;
};

template <class T>
Result<T> reading(const json& value, void (*read)(const Members&, T&)) {
  try {
    T into;
    read(Members(value), into);
    return into;
  } catch (const Invalid& wrong) {
    return fail({.code = "api.invalid", .what = wrong.what(), .where = wrong.where, .way_out = {}});
  }
}

template <class Stored>
json as_stored(const Stored& content) {
  return json::parse(store::to_json(content));
}
json as_stored(const std::shared_ptr<const core::Success>& success) { return success ? as_stored(*success) : json(); }

template <class T>
json or_null(const std::optional<T>& content) {
  return content ? json(*content) : json();
}
template <class Tag, class Rep>
json or_null(const std::optional<Id<Tag, Rep>>& id) {
  return id ? json(id->value()) : json();
}

void read_run(const Members& in, RunView& run) {
  in.read("run_id", run.id);
  in.need("uuid", run.uuid);
  in.need("user", run.key.user);
  in.need("project", run.key.project);
  in.need("iteration", run.key.iteration);
  in.need("result", run.record.result);
  in.read("desire", run.record.desire);
  in.read("desired_at", run.record.desired_at);
  in.read("held", run.record.held);
  in.read("created", run.record.created);
  in.read("started", run.record.started);
  in.read("ended", run.record.ended);
  in.read("request", run.request);
  in.read("keep_going", run.keep_going);
  in.read("simulated", run.simulated);
  in.read("open", run.open);
  in.read("fence", run.fence);
  in.read("scheduled", run.scheduled);
  in.read("processed", run.processed);
  in.read("wake_at", run.wake_at);
  in.read("last_failure", run.last_failure);
  in.read("follower", run.follower);
  in.read("collection", run.collection);
}

void read_task(const Members& in, TaskView& task) {
  auto& record = task.record;
  in.need("node_id", task.node);
  in.need("task", record.task);
  in.need("state", record.state);
  in.read("attempt", record.attempt);
  in.read("job_id", record.job);
  in.read("seen", record.seen);
  in.read("failures", record.failures);
  in.read("lost", record.lost);
  in.read("waiting", record.waiting);
  in.read("state_since", record.state_since);
  in.read("ready_since", record.ready_since);
  in.read("not_before", record.not_before);
  in.read("submitted", record.submitted);
  in.read("started", record.started);
  in.read("ended", record.ended);
  in.read("exit_code", record.exit_code);
  in.read("log", record.log);
  in.read("reused", record.reused);
  in.read("progress", task.progress);
  in.stored("reasons", record.reasons, store::reasons_from);
  in.stored("errors", record.errors, store::errors_from);
  in.stored("success", record.success);
}

void read_attempt(const Members& in, core::AttemptRecord& attempt) {
  in.need("task", attempt.task);
  in.need("attempt", attempt.attempt);
  in.read("job_id", attempt.job);
  in.read("why", attempt.why);
  in.read("outcome", attempt.outcome);
  in.read("owed", attempt.owed);
  in.read("submitted", attempt.submitted);
  in.read("started", attempt.started);
  in.read("ended", attempt.ended);
  in.read("exit_code", attempt.exit_code);
  in.read("log", attempt.log);
  in.stored("errors", attempt.errors, store::errors_from);
}

void read_node(const Members& in, NodeView& node) {
  in.need("node_id", node.node);
  in.need("state", node.state);
  in.read("run_id", node.run);
  in.stored("success", node.success);
  in.stored("simulated", node.simulated);
}

void read_error(const Members& in, Error& error) {
  in.need("code", error.code);
  in.need("what", error.what);
  in.read("where", error.where);
  in.read("way_out", error.way_out);
}

/// The number that these characters make, all of them digits.
int digits(std::string_view text, std::size_t at, std::size_t count) {
  int number = 0;
  for (const char digit : text.substr(at, count)) number = number * 10 + (digit - '0');
  return number;
}

}  // namespace

Result<json> parse(std::string_view text) {
  try {
    return json::parse(text, [](int depth, json::parse_event_t, json&) {
      if (depth > depth_max) throw TooDeep();
      return true;
    });
  } catch (const json::exception& wrong) {
    return fail({.code = "api.not_json", .what = std::string("this is not JSON: ") + wrong.what(), .where = {}, .way_out = {}});
  } catch (const TooDeep&) {
    return fail({.code = "api.not_json",
                 .what = "the JSON is more than " + std::to_string(depth_max) + " deep",
                 .where = {},
                 .way_out = {}});
  }
}

std::string dump(const json& value) { return value.dump(-1, ' ', false, json::error_handler_t::replace); }

json json_of(const RunView& run) {
  return {{"run_id", run.id.value()},
          {"uuid", run.uuid.value()},
          {"user", run.key.user.value()},
          {"project", run.key.project.value()},
          {"iteration", run.key.iteration.value()},
          {"result", core::to_text(run.record.result)},
          {"desire", core::to_text(run.record.desire)},
          {"desired_at", json_of(run.record.desired_at)},
          {"held", run.record.held},
          {"created", json_of(run.record.created)},
          {"started", json_of(run.record.started)},
          {"ended", json_of(run.record.ended)},
          {"request", run.request},
          {"keep_going", run.keep_going},
          {"simulated", run.simulated},
          {"open", run.open},
          {"fence", run.fence.value()},
          {"scheduled", json_of(run.scheduled)},
          {"processed", json_of(run.processed)},
          {"wake_at", json_of(run.wake_at)},
          {"last_failure", run.last_failure},
          {"follower", run.follower.value()},
          {"collection", run.collection}};
}

Result<RunView> run_from(const json& value) { return reading(value, read_run); }

json json_of(const TaskView& task) {
  const auto& record = task.record;
  return {{"node_id", task.node.value()},
          {"task", record.task},
          {"state", core::to_text(record.state)},
          {"attempt", record.attempt},
          {"job_id", or_null(record.job)},
          {"seen", record.seen},
          {"failures", record.failures},
          {"lost", record.lost},
          {"waiting", core::to_text(record.waiting)},
          {"state_since", json_of(record.state_since)},
          {"ready_since", json_of(record.ready_since)},
          {"not_before", json_of(record.not_before)},
          {"submitted", json_of(record.submitted)},
          {"started", json_of(record.started)},
          {"ended", json_of(record.ended)},
          {"exit_code", or_null(record.exit_code)},
          {"log", record.log},
          {"reused", record.reused},
          {"progress", or_null(task.progress)},
          {"reasons", as_stored(record.reasons)},
          {"errors", as_stored(record.errors)},
          {"success", as_stored(record.success)}};
}

Result<TaskView> task_from(const json& value) { return reading(value, read_task); }

json json_of(const core::AttemptRecord& attempt, const NodeId& node) {
  return {{"node_id", node.value()},
          {"task", attempt.task},
          {"attempt", attempt.attempt},
          {"job_id", attempt.job.value()},
          {"why", attempt.why},
          {"outcome", core::to_text(attempt.outcome)},
          {"owed", core::to_text(attempt.owed)},
          {"submitted", json_of(attempt.submitted)},
          {"started", json_of(attempt.started)},
          {"ended", json_of(attempt.ended)},
          {"exit_code", or_null(attempt.exit_code)},
          {"log", attempt.log},
          {"errors", as_stored(attempt.errors)}};
}

Result<core::AttemptRecord> attempt_from(const json& value) { return reading(value, read_attempt); }

json json_of(const NodeView& node) {
  return {{"node_id", node.node.value()},
          {"state", core::to_text(node.state)},
          {"success", as_stored(node.success)},
          {"simulated", as_stored(node.simulated)},
          {"run_id", or_null(node.run)}};
}

Result<NodeView> node_from(const json& value) { return reading(value, read_node); }

json json_of(const Error& error) {
  return {{"code", error.code}, {"what", error.what}, {"where", error.where}, {"way_out", error.way_out}};
}

Result<Error> error_from(const json& value) { return reading(value, read_error); }

json json_of(std::optional<core::Instant> time) { return time ? json(core::to_text(*time)) : json(); }

std::optional<core::Instant> instant_from(std::string_view text) {
  constexpr std::string_view shape = "0000-00-00T00:00:00.000000Z";
  if (text.size() != shape.size()) return std::nullopt;
  for (std::size_t i = 0; i < shape.size(); ++i) {
    const bool digit = text[i] >= '0' && text[i] <= '9';
    if (shape[i] == '0' ? !digit : text[i] != shape[i]) return std::nullopt;
  }
  const auto month = digits(text, 5, 2), day = digits(text, 8, 2);
  const std::chrono::year_month_day date(std::chrono::year(digits(text, 0, 4)), std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day)));
  const auto hours = digits(text, 11, 2), minutes = digits(text, 14, 2), seconds = digits(text, 17, 2);
  if (!date.ok() || hours > 23 || minutes > 59 || seconds > 59) return std::nullopt;
  return std::chrono::sys_days(date) + std::chrono::hours(hours) + std::chrono::minutes(minutes) + std::chrono::seconds(seconds) +
         std::chrono::microseconds(digits(text, 20, 6));
}

std::string to_text(const Seen& seen) { return std::to_string(seen.run.value()) + ":" + std::to_string(seen.fence.value()); }

std::optional<Seen> seen_from(std::string_view text) {
  std::int64_t run = 0, fence = 0;
  const auto* const past = text.data() + text.size();
  const auto first = std::from_chars(text.data(), past, run);
  if (first.ec != std::errc() || first.ptr == past || *first.ptr != ':') return std::nullopt;
  const auto second = std::from_chars(first.ptr + 1, past, fence);
  if (second.ec != std::errc() || second.ptr != past) return std::nullopt;
  return Seen{.run = RunId(run), .fence = Fence(fence)};
}

}  // namespace baton::wire
