#include <cerrno>
#include <cstring>
#include <fstream>

#include <caffe2/serialize/inline_container.h>

#include <descent/base/zip.h>
#include <descent/networks/exported/exported_network.h>
#include <descent/networks/refuse.h>
#include <descent/networks/script_network.h>
#include <descent/pickle/checksums.h>

namespace descent {
namespace {

namespace fs = std::filesystem;
using networks::refuse;

enum class Kind { Exported, Script };

constexpr const char* kAdvice =
    "; a network is what torch.export.save(torch.export.export(net, (input,)), \"net.pt2\") or "
    "torch.jit.script(net).save(file) writes";

struct Kinds {
  bool script = false, exported = false;
};

Kinds kinds_in(const fs::path& file) {
  Kinds kinds;
  const ZipReader zip(file);
  for (const ZipReader::Record& record : zip.records()) {
    const std::string name = record.name.substr(record.name.find('/') + 1);
    kinds.script |= name == "constants.pkl";
    kinds.exported |= name == "archive_format" || name == "serialized_exported_program.json";
  }
  return kinds;
}

/// What the file holds. Refuses what is no network, with what it seems to be; `subject` opens the
/// message.
Kind kind_of(const fs::path& file, const std::string& subject) {
  std::ifstream stream(file, std::ios::binary);
  if (fs::is_directory(file) || !stream) {
    throw std::runtime_error(subject +
                             " cannot be read: " + std::strerror(stream ? EISDIR : errno));
  }
  char first[2] = {};
  stream.read(first, 2);
  if (first[0] == '\x80') refuse(subject, " is a pickle, of an old torch.save() perhaps", kAdvice);
  if (first[0] != 'P' || first[1] != 'K') {
    refuse(subject, " is neither of torch.export nor TorchScript", kAdvice);
  }
  Kinds kinds;
  try {
    kinds = kinds_in(file);
    if (kinds.script) {
      caffe2::serialize::PyTorchStreamReader reader(file.string());
      pickle::Checksums(file).check_all(reader);
    }
  } catch (const std::exception& error) {
    refuse(subject, " is damaged: ", networks::gist(error));
  }
  if (!kinds.script && !kinds.exported) {
    refuse(subject, " holds Python objects of torch.save(), a state_dict or a whole module",
           kAdvice);
  }
  return kinds.exported ? Kind::Exported : Kind::Script;
}

}  // namespace

bool holds_network(const fs::path& file) {
  try {
    const Kinds kinds = kinds_in(file);
    return kinds.script || kinds.exported;
  } catch (const std::invalid_argument&) {
    return false;
  }
}

std::shared_ptr<SavedNetwork> load_network(const fs::path& file) {
  const std::string subject = "load_network: " + file.string();
  const Kind kind = kind_of(file, subject);
  try {
    if (kind == Kind::Script) return networks::load_script(file);
    return networks::ExportedNetwork::load(file);
  } catch (const std::exception& error) {
    refuse(subject, kind == Kind::Script ? " " : ": ", networks::gist(error));
  }
}

}  // namespace descent
