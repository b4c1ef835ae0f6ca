#include "interrupts.hpp"

#include <boost/asio/signal_set.hpp>
#include <csignal>
#include <utility>

namespace baton {

struct InterruptSignals::State {
  explicit State(boost::asio::io_context& io) : signals(io) {}
  boost::asio::signal_set signals;
  std::function<void()> told;
};

InterruptSignals::~InterruptSignals() {
  if (!state_) return;
  state_->told = {};
  state_->signals.cancel();
}

void InterruptSignals::on_interrupt(std::function<void()> told) {
  const bool first = !state_;
  if (first) state_ = std::make_shared<State>(io_);
  state_->told = std::move(told);
  if (!first) return;
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    struct sigaction now{};
    if (::sigaction(signal, nullptr, &now) == 0 && now.sa_handler == SIG_IGN) continue;
    state_->signals.add(signal);
  }
  wait(state_);
}

void InterruptSignals::wait(std::shared_ptr<State> state) {
  auto& signals = state->signals;
  signals.async_wait([state = std::move(state)](boost::system::error_code wrong, int) {
    if (wrong) return;
    if (state->told) state->told();
    wait(state);
  });
}

}  // namespace baton
