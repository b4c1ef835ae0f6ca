/// Figures of this replica in the text format that Prometheus reads. All on one thread.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "core/model.hpp"

namespace baton::telemetry {

/// Only grows.
class Counter {
 public:
  void add(std::uint64_t more = 1) { value_ += more; }
  [[nodiscard]] std::uint64_t value() const { return value_; }

 private:
  std::uint64_t value_ = 0;
};

/// How long things took: counts in buckets from 1 ms to 10 s.
class Histogram {
 public:
  Histogram();
  void record(core::Duration took);
  [[nodiscard]] const std::vector<std::uint64_t>& counts() const { return counts_; }
  [[nodiscard]] double sum_seconds() const { return sum_; }

 private:
  std::vector<std::uint64_t> counts_;  ///< by bucket; the last one is beyond all bounds
  double sum_ = 0;
};

class Metrics {
 public:
  /// `name` as Prometheus has it (`baton_passes_total`); `labels` as they stand between braces, or empty. The object lives as long as this.
  Counter& counter(std::string name, std::string help, std::string labels = {});
  Histogram& histogram(std::string name, std::string help);
  /// Asked for each time that the text is made.
  void gauge(std::string name, std::string help, std::function<double()> value, std::string labels = {});
  void counted(std::string name, std::string help, std::function<double()> value);

  [[nodiscard]] std::string text() const;

 private:
  struct Figure {
    std::string name, help, type;
    std::string labels;  ///< with its braces, or empty
    std::function<void(const Figure&, std::string& out)> write;
  };
  void add(std::string name, std::string help, std::string type, std::string labels,
           std::function<void(const Figure&, std::string&)> write);

  std::deque<Counter> counters_;
  std::deque<Histogram> histograms_;
  std::vector<Figure> figures_;
};

}  // namespace baton::telemetry
