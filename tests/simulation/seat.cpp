#include "seat.hpp"

#include <cstdio>

namespace baton::simulation {

void Story::say(const std::string& who, const std::string& what) {
  if (!kept_) return;
  char when[32];
  std::snprintf(when, sizeof when, "%11.6f s  ", static_cast<double>(world_.now().count()) / 1e6);
  lines_.push_back(when + who + std::string(who.size() < 10 ? 10 - who.size() : 0, ' ') + what);
}

// Mostly as quick as a network, sometimes not.
awaitable<void> Seat::a_moment() {
  const auto number = world_.random();
  const auto most = number % 97 == 0 ? 400'000U : number % 11 == 0 ? 0U : 1500U;
  co_await world_.sleep(core::Duration(most == 0 ? 0 : (number >> 8U) % most));
}

awaitable<void> Seat::stop_for_a_while() {
  const auto span = lock_life_ + core::Duration(world_.below(static_cast<std::uint64_t>(lock_life_.count())));
  say("  is stopped for " + std::to_string(span.count() / 1000) + " ms");
  world_.pause(who_, span);
  breaks_.stopped(span);
  co_await world_.sleep(core::Duration::zero());
}

awaitable<Fault> Seat::before(Call call) {
  const auto id = world_.current().fiber;
  co_await a_moment();
  const auto last = fibers_.of(id).last;
  const bool visiting = fibers_.of(id).visiting.has_value();
  if (std::exchange(fibers_.of(id).cancelled, false) && faults_.on()) faults_.count(Fault::cancelled, last, call);
  const auto fault = faults_.strike(last, call, visiting);
  fibers_.of(id).before = last;
  fibers_.of(id).last = call;
  if (fault == Fault::none) co_return fault;
  say("  fault at " + std::string(to_text(call)) + ": " + std::string(to_text(fault)));
  switch (fault) {
    case Fault::crash:
      world_.crash(who_);
      co_await world_.never();
      break;
    case Fault::pause: co_await stop_for_a_while(); break;
    case Fault::channel_closed: breaks_.close_channel(); break;
    case Fault::lease_expired: breaks_.expire_lease(*fibers_.of(id).visiting); break;
    case Fault::stream_lost: breaks_.lose_stream(); break;
    case Fault::sent_again: breaks_.send_again(*fibers_.of(id).visiting); break;
    case Fault::clock_jumped: breaks_.jump_clock(); break;
    case Fault::failover: breaks_.fail_over(); break;
    case Fault::cancelled: breaks_.cancel(*fibers_.of(id).visiting); break;
    default: co_return fault;
  }
  co_return Fault::none;
}

awaitable<void> Seat::after(Call call) {
  const auto fault = faults_.strike_unanswered(fiber().before, call, fiber().visiting.has_value());
  if (fault == Fault::crash_unanswered) {
    say("  fault after " + std::string(to_text(call)) + ": crash");
    world_.crash(who_);
    co_await world_.never();
  }
  if (fault == Fault::sent_again) {
    say("  fault after " + std::string(to_text(call)) + ": sent again");
    breaks_.send_again(*fiber().visiting);
  }
  if (fault == Fault::pause_unanswered) co_await stop_for_a_while();
  co_await a_moment();
}

}  // namespace baton::simulation
