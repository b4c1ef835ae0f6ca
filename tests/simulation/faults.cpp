#include "faults.hpp"

#include <algorithm>

namespace baton::simulation {
namespace {

constexpr std::array<std::string_view, call_count> call_names{
    "(spawned)", "create_run", "wake",    "desire",  "begin_pass", "commit", "progress", "due",
    "join",      "orphans",    "is_gone", "outbox",  "told",       "crowd",  "turns",    "read",
    "publish",   "receive",    "ack",     "requeue", "acquire",    "renew",  "unlock",   "until_free",
    "submit",    "observe",    "bar",     "cancel",  "release",    "pushes", "tell"};
constexpr std::array<std::string_view, fault_count> fault_names{
    "none",           "crash",         "crash, unanswered", "pause",      "pause, unanswered", "refused",         "answer lost",
    "late",           "partly",        "doubled",           "silent",     "message lost",      "message doubled", "message late",
    "channel closed", "lease expired", "stream lost",       "sent again", "cancelled",         "clock jumped",    "failover"};

bool is_store(Call call) { return call >= Call::create_run && call <= Call::read; }
bool reads(Call call) { return call == Call::read || call == Call::is_gone || call == Call::outbox || call == Call::crowd; }
bool waits(Call call) { return call == Call::receive || call == Call::until_free || call == Call::pushes; }
bool is_act(Call call) { return call == Call::submit || call == Call::bar || call == Call::cancel || call == Call::release; }

// The ways that are gone all the time.
bool is_common(Call before, Call call) {
  using enum Call;
  static constexpr std::pair<Call, Call> common[] = {
      {spawned, wake},     {spawned, receive},    {spawned, acquire},    {spawned, pushes},     {spawned, read},
      {spawned, join},     {wake, publish},       {receive, acquire},    {acquire, begin_pass}, {begin_pass, observe},
      {observe, commit},   {commit, unlock},      {commit, submit},      {commit, release},     {submit, unlock},
      {submit, release},   {release, unlock},     {unlock, ack},         {ack, receive},        {acquire, orphans},
      {orphans, due},      {orphans, unlock},     {due, unlock},         {unlock, acquire},     {acquire, acquire},
      {pushes, pushes},    {progress, progress},  {read, read},          {read, create_run},    {spawned, progress},
      {acquire, is_gone},  {is_gone, until_free}, {until_free, acquire}, {spawned, tell},       {tell, told},
      {begin_pass, crowd}, {crowd, observe}};
  return std::ranges::find(common, std::pair(before, call)) != std::end(common);
}

}  // namespace

std::string_view to_text(Call call) { return call_names.at(static_cast<std::size_t>(call)); }
std::string_view to_text(Fault fault) { return fault_names.at(static_cast<std::size_t>(fault)); }

bool can_strike(Fault fault, Call call, bool visiting) {
  switch (fault) {
    case Fault::none: return false;
    case Fault::crash:
    case Fault::crash_unanswered:
    case Fault::pause:
    case Fault::pause_unanswered: return true;
    case Fault::refused: return !waits(call) && call != Call::observe;
    case Fault::answer_lost:
      return !waits(call) && call != Call::observe && !reads(call) && call != Call::unlock && call != Call::ack &&
             call != Call::requeue;
    case Fault::late:
      return (is_store(call) && !reads(call) && call != Call::begin_pass && call != Call::join) || is_act(call) ||
             call == Call::acquire;
    case Fault::partly:
    case Fault::doubled: return is_act(call);
    case Fault::silent: return call == Call::observe;
    case Fault::clock_jumped:
    case Fault::failover: return is_store(call);
    case Fault::message_lost:
    case Fault::message_doubled:
    case Fault::message_late: return call == Call::publish;
    case Fault::channel_closed:
    case Fault::lease_expired:
    case Fault::stream_lost:
    case Fault::sent_again:
    case Fault::cancelled: return visiting && call != Call::receive;
  }
  BATON_UNREACHABLE();
}

void Table::add(const Table& other) {
  for (const auto& [pair, row] : other.rows) {
    auto& mine = rows[pair];
    mine.times += row.times;
    mine.visiting += row.visiting;
    for (std::size_t i = 0; i < row.struck.size(); ++i) mine.struck[i] += row.struck[i];
  }
}

Faults::Faults(World& world, bool fails_over) : world_(world) {
  if (world_.one_in(10)) return;
  left_ = static_cast<std::uint32_t>(1 + world_.below(world_.one_in(3) ? 40 : 8));
  const auto scale = static_cast<std::uint32_t>(1 + world_.below(3));
  const bool few = world_.one_in(2);  // few kinds, often; or all, seldom
  for (int i = 1; i < fault_count; ++i) {
    const auto fault = static_cast<Fault>(i);
    const bool chosen = !few || world_.one_in(4);
    if (fault == Fault::failover ? !fails_over : !chosen) continue;
    mix_.push_back({fault, (few ? 60U : 12U) * scale});
  }
}

Fault Faults::draw(Call before, Call call, bool visiting, bool unanswered) {
  if (!on_ || left_ == 0) return Fault::none;
  // Between calls that seldom follow one another faults strike more often, or they never would.
  auto number = static_cast<std::uint32_t>(world_.below(is_common(before, call) ? 10'000 : 1'250));
  for (const auto& [fault, rate] : mix_) {
    const bool is_unanswered = fault == Fault::crash_unanswered || fault == Fault::pause_unanswered;
    if (is_unanswered != unanswered && fault != Fault::sent_again) continue;
    if (!can_strike(fault, call, visiting)) continue;
    // A world in which everything is cancelled shows little else.
    const auto often = fault == Fault::cancelled && is_common(before, call) ? rate / 6 : rate;
    if (number < often) {
      --left_;
      return fault;
    }
    number -= often;
  }
  return Fault::none;
}

Fault Faults::strike(Call before, Call call, bool visiting) {
  if (!on_) return Fault::none;
  auto& row = table_.rows[{before, call}];
  ++row.times;
  if (visiting) ++row.visiting;
  const auto fault = draw(before, call, visiting, false);
  ++row.struck[static_cast<std::size_t>(fault)];
  return fault;
}

Fault Faults::strike_unanswered(Call before, Call call, bool visiting) {
  const auto fault = draw(before, call, visiting, true);
  if (fault != Fault::none) count(fault, before, call);
  return fault;
}

}  // namespace baton::simulation
