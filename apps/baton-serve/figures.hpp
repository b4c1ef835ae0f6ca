/// The figures of /metrics: counted where things happen, or asked for.
#pragma once

#include <string>

#include "scheduling/pass.hpp"
#include "telemetry/metrics.hpp"

namespace baton {
class PostgresStore;
class RabbitQueue;
class RedisLock;
}  // namespace baton

namespace baton::serve {

class Figures {
 public:
  Figures(const PostgresStore& store, const RabbitQueue& queue, const RedisLock& lock);

  void passed(PassEnd end, core::Duration took);
  void written(const core::Decision& decision);
  void stalled(core::Duration by);
  [[nodiscard]] std::string text() const { return metrics_.text(); }

 private:
  telemetry::Metrics metrics_;
  telemetry::Counter &committed_, &over_, &backing_off_, &fenced_, &unavailable_;
  telemetry::Counter &submitted_, &ended_, &stalls_;
  telemetry::Histogram& took_;
};

}  // namespace baton::serve
