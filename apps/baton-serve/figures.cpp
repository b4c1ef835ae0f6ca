#include "figures.hpp"

#include <limits>

#include "backend/local/local_backend.hpp"
#include "core/states.hpp"
#include "lock/redis/redis_lock.hpp"
#include "queue/rabbitmq/rabbit_queue.hpp"

namespace baton::serve {
namespace {

constexpr auto unknown = std::numeric_limits<double>::quiet_NaN();

telemetry::Counter& passes(telemetry::Metrics& metrics, const char* end) {
  return metrics.counter("baton_passes_total", "Visits to runs, by how they ended.", std::string("{end=\"") + end + "\"}");
}

}  // namespace

Figures::Figures(const PostgresStore& store, const RabbitQueue& queue, const RedisLock& lock, const local::LocalBackend& backend)
    : committed_(passes(metrics_, "committed")),
      over_(passes(metrics_, "over")),
      backing_off_(passes(metrics_, "backing_off")),
      fenced_(passes(metrics_, "fenced")),
      unavailable_(passes(metrics_, "unavailable")),
      submitted_(metrics_.counter("baton_jobs_submitted_total", "Jobs handed to the backend.")),
      ended_(metrics_.counter("baton_attempts_ended_total", "Attempts whose end was written.")),
      stalls_(metrics_.counter("baton_loop_stalls_total", "Times that the loop stood still for 50 ms or more.")),
      took_(metrics_.histogram("baton_pass_seconds", "How long a pass took.")),
      waited_(metrics_.histogram("baton_wake_up_seconds",
                                 "How long the newest wake-up of a run waited for the pass that answered it.")) {
  metrics_.gauge("baton_queue_consumers_alive", "1 while the shared queue is consumed.",
                 [&queue] { return queue.is_consuming() ? 1.0 : 0.0; });
  metrics_.gauge("baton_queue_deliveries_held", "Messages that are not settled.",
                 [&queue] { return static_cast<double>(queue.held()); });
  metrics_.counted("baton_queue_reconnects_total", "Connections made anew.",
                   [&queue] { return static_cast<double>(queue.reconnects()); });
  metrics_.gauge("baton_lock_up", "1 while Redis answers.", [&lock] { return lock.is_up() ? 1.0 : 0.0; });
  metrics_.counted("baton_locks_lost_total", "Leases that were lost.",
                   [&lock] { return static_cast<double>(lock.counts().lost); });
  metrics_.counted("baton_locks_held_total", "Locks that another had.",
                   [&lock] { return static_cast<double>(lock.counts().held); });
  metrics_.counted("baton_claims_refused_total", "Jobs sent from here that another replica has barred: they begin nothing.",
                   [&backend] { return static_cast<double>(backend.claims_refused()); });
  metrics_.gauge("baton_store_connections_used", "Connections of the pool that are lent.",
                 [&store] { return static_cast<double>(store.figures().in_use); });
  metrics_.gauge("baton_store_waiting", "Calls that wait for a connection.",
                 [&store] { return static_cast<double>(store.figures().waiting); });
  metrics_.gauge("baton_queue_depth", "Messages in the shared queue that no replica has yet.",
                 [this] { return depth_ ? static_cast<double>(*depth_) : unknown; });
  using Backlog = PostgresStore::Backlog;
  show_backlog("baton_runs_open", "Open runs.", [](const Backlog& of) { return static_cast<double>(of.open); });
  show_backlog("baton_runs_without_wake_at", "Open runs that only a push, a message or a person brings on.",
               [](const Backlog& of) { return static_cast<double>(of.without_wake_at); });
  show_backlog("baton_runs_held", "Runs in quarantine.", [](const Backlog& of) { return static_cast<double>(of.held); });
  show_backlog("baton_runs_pending", "Open runs that were woken and not visited since.",
               [](const Backlog& of) { return static_cast<double>(of.pending); });
  show_backlog("baton_oldest_pending_mark_seconds", "For how long the first of them waits.",
               [](const Backlog& of) { return of.oldest_pending_seconds; });
  show_backlog("baton_outbox_age_seconds", "Age of the oldest message that was not published yet.",
               [](const Backlog& of) { return of.oldest_message_seconds; });
  show_backlog("baton_outbox_messages", "Messages that were not published yet.",
               [](const Backlog& of) { return static_cast<double>(of.messages); });
  for (const auto state : {core::State::pending, core::State::waiting_for_resources, core::State::started})
    metrics_.gauge(
        "baton_jobs", "Jobs of all runs that have not ended, by state.",
        [this, state] {
          if (!backlog_) return unknown;
          const auto found = backlog_->jobs.find(state);
          return found == backlog_->jobs.end() ? 0.0 : static_cast<double>(found->second);
        },
        "{state=\"" + std::string(core::to_text(state)) + "\"}");
}

void Figures::show_backlog(const char* name, const char* help, double (*figure)(const PostgresStore::Backlog&)) {
  metrics_.gauge(name, help, [this, figure] { return backlog_ ? figure(*backlog_) : unknown; });
}

void Figures::passed(const PassResult& result, core::Duration took) {
  took_.record(took);
  if (result.waited) waited_.record(*result.waited);
  switch (result.end) {
    case PassEnd::committed: return committed_.add();
    case PassEnd::over: return over_.add();
    case PassEnd::backing_off: return backing_off_.add();
    case PassEnd::fenced: return fenced_.add();
    case PassEnd::unavailable: return unavailable_.add();
  }
}

void Figures::written(const core::Decision& decision) {
  submitted_.add(decision.submit.size());
  for (const auto& attempt : decision.attempts)
    if (attempt.outcome != core::Outcome::open) ended_.add();
}

void Figures::stalled(core::Duration) { stalls_.add(); }

}  // namespace baton::serve
