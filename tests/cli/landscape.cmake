# What `descent landscape` writes, prints, refuses and resumes. DESCENT is the program, NETWORK_FILE the
# example that writes a network for it, FOLDER is its own.
include("${CMAKE_CURRENT_LIST_DIR}/descent.cmake")
file(REMOVE_RECURSE "${FOLDER}")
file(MAKE_DIRECTORY "${FOLDER}")

set(net "${FOLDER}/net")
execute_process(COMMAND "${NETWORK_FILE}" --steps 150 --out "${net}" RESULT_VARIABLE failed
                OUTPUT_QUIET)
if(failed)
  message(FATAL_ERROR "${NETWORK_FILE}: ${failed}")
endif()
set(job --model "${net}/net.pt" --data "${net}/data.pt" --loss cross_entropy)

function(landscape status stream expected)
  descent(${status} ${stream} "${expected}" landscape ${ARGN})
endfunction()

# The help lists what there is of losses, planes, norms and paths.
landscape(0 out "--loss .*mse, l1, cross_entropy.*--plane [^\n]*filter[^\n]*random \\(.*pca:FOLDER.*--norm .*dlayer.*--path .*fused"
          --help)

# What is refused leaves nothing, neither folders nor hidden ones.
set(refused "${FOLDER}/refused")
file(MAKE_DIRECTORY "${refused}")
set(out --out "${refused}/out")
landscape(2 error "--model is required" --data "${net}/data.pt" --loss mse ${out})
landscape(2 error "none.pt" --model none.pt --data "${net}/data.pt" --loss mse ${out})
landscape(2 error "net.pt: .*TorchScript" --model "${net}/net.pt" --data "${net}/net.pt" --loss mse ${out})
landscape(2 error "cross_entrpy.*did you mean cross_entropy" --model "${net}/net.pt"
          --data "${net}/data.pt" --loss cross_entrpy ${out})
landscape(2 error "--loss = accuracy, must be mse" --model "${net}/net.pt" --data "${net}/data.pt"
          --loss accuracy ${out})
landscape(2 error "shape \\[300, 2\\]; mse needs equal shapes" --model "${net}/net.pt" --data "${net}/data.pt" --loss mse ${out})
landscape(2 error "--metrics: accuracy stands twice" ${job} --metrics accuracy,accuracy ${out})
landscape(2 error "accurary.*did you mean accuracy" ${job} --metrics accurary ${out})
landscape(2 error "--plane = fliter, must be random, filter.*did you mean filter" ${job}
          --plane fliter ${out})
landscape(2 error "--plane = pca, must be pca:FOLDER" ${job} --plane pca ${out})
landscape(2 error "--plane = filter:x, must be filter\n" ${job} --plane filter:x ${out})
landscape(2 error "between:x, must be between:B.pt,C.pt" ${job} --plane between:x ${out})
landscape(2 error "no_folder" ${job} --plane "pca:${net}/no_folder" ${out})
landscape(2 error "--norm = layer with --plane filter, allowed with --plane random only" ${job}
          --norm layer ${out})
landscape(2 error "--norm = none with --plane filter" ${job} --norm none ${out})
landscape(2 error "--norm = lyer, must be none, .*did you mean layer" ${job} --plane random
          --norm lyer ${out})
landscape(2 error "--seed = 3 with --plane line:.*nothing is drawn" ${job}
          --plane "line:${net}/start.pt" --seed 3 ${out})
landscape(2 error "--seed: -3, must be a whole number" ${job} --seed -3 ${out})
landscape(2 error "--weight-decay = 0, must be finite and > 0" ${job} --weight-decay 0 ${out})
landscape(2 error "--axes = 1:2, must be from:to:points" ${job} --axes 1:2 ${out})
landscape(2 error "--axes = 1:2:3x, must be" ${job} --axes 1:2:3x ${out})
landscape(2 error "--axes = -1:1:0: n = 0, must be >= 1" ${job} --axes -1:1:0 ${out})
landscape(2 error "--axes = 1:1:5: several points at one place" ${job} --axes 1:1:5 ${out})
landscape(2 error "at most 10000" ${job} --axes 0:1:5,0:1:10001 ${out})
landscape(2 error "two axes, but the plane is a line" ${job} --plane "line:${net}/start.pt"
          --axes 0:1:5,0:1:5 ${out})
landscape(2 error "--device = stove, must be cpu, cuda or cuda:N" ${job} --device stove ${out})
landscape(2 error "--device = cuda:99, of which LibTorch finds [^\n]*, must be" ${job} --device cuda:99 ${out})
landscape(2 error "--log excludes --linear" ${job} --log --linear ${out})
landscape(2 error "--formats = jsn, must be json, npy, csv, vtp, html, .*did you mean json" ${job} --formats png,jsn ${out})
landscape(2 error "--batch-norm = kep, must be auto, keep, .*did you mean keep" ${job} --batch-norm kep ${out})
landscape(2 error "--batch-norm = recompute, must be keep or batch for curvature" ${job}
          --batch-norm recompute --curvature ${out})
landscape(2 error "--batch-norm = interpolate with --plane pca" ${job}
          --plane "pca:${net}/snapshots" --batch-norm interpolate ${out})
landscape(2 error "--path = fast, must be auto, loop, batched or fused" ${job} --path fast ${out})
set(ENV{DESCENT_BFLOAT16} no)
landscape(2 error "precision is Bfloat16, but this processor has no instructions for bfloat16" ${job}
          --precision bfloat16 ${out})
set(ENV{DESCENT_BFLOAT16} yes)
landscape(2 error "options.path is fused" ${job} --precision bfloat16 --path fused ${out})
landscape(2 error "--memory = lots, must be a size like 256MiB" ${job} --memory lots ${out})
landscape(2 error "memory is 10 bytes" ${job} --memory 10B ${out})
landscape(2 error "--formats = html of a line, allowed are json, " ${job} --plane "line:${net}/start.pt" --formats json,html ${out})
landscape(2 error "--formats = gif of a line" ${job} --axes -1:1:3,0:0:1 --formats gif ${out})
foreach(arguments IN ITEMS "--curvature" "--plane;hessian")
  landscape(2 error "--precision = bfloat16 for curvature" ${job} ${arguments} --precision bfloat16 ${out})
endforeach()
landscape(2 error "memory = 10 bytes" ${job} --plane hessian --memory 10B ${out})
landscape(2 error "memory is 10 bytes" ${job} --plane "pca:${net}/snapshots" --memory 10B ${out})
landscape(2 error "threads is -1" ${job} --threads -1 ${out})
landscape(2 error "/proc/none" ${job} --out /proc/none/out)
execute_process(COMMAND "${DESCENT}" landscape ${job} --out "" WORKING_DIRECTORY "${refused}"
                RESULT_VARIABLE result ERROR_VARIABLE error)
if(NOT result EQUAL 2 OR NOT error STREQUAL "descent: --out is empty, must be a folder\n")
  message(FATAL_ERROR "--out '': ${result}\n${error}")
endif()
expect_empty("${refused}")
file(WRITE "${FOLDER}/file" "")
landscape(2 error "file is no folder" ${job} --out "${FOLDER}/file")

# A landscape is written whole, the same bytes each time, and kept unless asked.
set(arguments ${job} --metrics accuracy --seed 1 --axes -1:1:25,-2:2:20 --curvature)
landscape(0 out "plane .*filter.*path .*cross_entropy: .* at the network; least .*accuracy: .*curvature: .*500 networks in .*open .*landscape.html"
          ${arguments} --out "${FOLDER}/first")
landscape(0 out "open" ${arguments} --threads 1 --out "${FOLDER}/second")
set(files curvature.json landscape.csv landscape.gif landscape.html landscape.json landscape.npy landscape.png
    landscape.svg landscape.vtp landscape_accuracy.csv landscape_accuracy.gif
    landscape_accuracy.json landscape_accuracy.npy landscape_accuracy.png landscape_accuracy.svg
    landscape_accuracy.vtp spectrum.png)
expect_files("${FOLDER}/first" ${files})
expect_same("${FOLDER}/first" "${FOLDER}/second" ${files})
file(READ "${FOLDER}/first/landscape.json" numbers)
string(JSON n GET "${numbers}" x n)
string(JSON data GET "${numbers}" notes data)
if(NOT n EQUAL 25 OR NOT data STREQUAL "data.pt")
  message(FATAL_ERROR "landscape.json: ${n} points, data ${data}")
endif()
landscape(2 error "holds files already, which --force would replace" ${job} --out "${FOLDER}/first")
landscape(0 out "open" ${job} --axes 0:1:3 --out "${FOLDER}/first" --force)
file(READ "${FOLDER}/first/landscape.csv" numbers)
if(numbers MATCHES "\n-1," OR NOT EXISTS "${FOLDER}/first/spectrum.png")
  message(FATAL_ERROR "--force did not replace its own files and keep the others")
endif()

# Where only numbers are asked for, nothing is drawn.
set(numbers --formats json)
landscape(0 out "open [^\n]*landscape.json" ${job} --axes -1:1:5 ${numbers} --out "${FOLDER}/numbers")
expect_files("${FOLDER}/numbers" landscape.json)

# The other paths and planes.
landscape(0 out "path  *loop.*open" ${job} ${numbers} --path loop --axes -1:1:5 --out "${FOLDER}/loop")
landscape(0 out "path  *fused.*open" ${job} ${numbers} --path fused --axes -1:1:5 --out "${FOLDER}/fused")
landscape(0 out "path  *loop .precision is bfloat16.*open" ${job} --formats html --precision bfloat16
          --axes -1:1:5 --out "${FOLDER}/bfloat16")
file(READ "${FOLDER}/bfloat16/landscape.html" page)
if(NOT page MATCHES "Computed in bfloat16, which gives [0-9.e-]+ at the network where float32 gives [0-9]")
  message(FATAL_ERROR "the caption does not say that it is of bfloat16")
endif()
landscape(0 out "least .*open .*landscape.html" ${job} --plane "pca:${net}/snapshots"
          --out "${FOLDER}/pca")
expect_files("${FOLDER}/pca" landscape.csv landscape.gif landscape.html landscape.json landscape.npy
             landscape.png landscape.svg landscape.vtp projection.csv projection.json trajectory.csv
             trajectory.json trajectory.png trajectory.vtp)
landscape(0 out "open .*landscape.png" ${job} --plane "line:${net}/start.pt" --out "${FOLDER}/line")
expect_files("${FOLDER}/line" landscape.csv landscape.json landscape.npy landscape.png landscape.svg
             landscape.vtp)
landscape(0 out "eigenvalue.*open" ${job} ${numbers} --plane hessian --axes -1:1:9 --out "${FOLDER}/hessian")
landscape(0 out "open" ${job} --plane random --norm layer --axes -1:1:9,0:0:1 --linear
          --out "${FOLDER}/curve")
landscape(0 out "open .*landscape.html" ${job} --weight-decay 0.01 --axes -1:1:9
          --out "${FOLDER}/decay")
file(READ "${FOLDER}/decay/landscape.html" page)
if(NOT EXISTS "${FOLDER}/decay/landscape_weight_decay.png" OR NOT page MATCHES "\"weight_decay\"")
  message(FATAL_ERROR "--weight-decay is not drawn")
endif()

# Layers: one sheet, and the numbers of each. Under the filter norm biases stay, so each layer is its weight.
landscape(0 out "layers: ([0-9]+), of which w[0-9] changes the loss most.*open" ${job} --layers --axes -1:1:9
          --formats png,svg,csv --out "${FOLDER}/layers")
file(GLOB made RELATIVE "${FOLDER}/layers" "${FOLDER}/layers/*")
list(FILTER made EXCLUDE REGEX "^layer_[0-9]_w[0-9]\\.csv$")
if(NOT made STREQUAL "landscape.csv;landscape.png;landscape.svg;layers.png;layers.svg")
  message(FATAL_ERROR "--layers: ${made}")
endif()
file(READ "${FOLDER}/layers/layers.svg" sheet)
if(NOT EXISTS "${FOLDER}/layers/layer_1_w1.csv" OR NOT sheet MATCHES "<svg")
  message(FATAL_ERROR "--layers has no numbers of the first layer")
endif()
# At the network all layers agree with the whole.
foreach(name IN ITEMS landscape layer_1_w1)
  file(STRINGS "${FOLDER}/layers/${name}.csv" center_${name} REGEX "^0,0,")
endforeach()
if(NOT center_landscape STREQUAL center_layer_1_w1 OR center_landscape STREQUAL "")
  message(FATAL_ERROR "at the network: ${center_landscape}, but of a layer ${center_layer_1_w1}")
endif()
landscape(0 out "layers: 1," ${job} --layers --parameters "w1" --axes -1:1:3,0:0:1 ${numbers}
          --out "${FOLDER}/one-layer")
expect_files("${FOLDER}/one-layer" landscape.json layer_1_w1.json)
landscape(0 out "layers: .*open" ${job} --layers --plane "line:${net}/start.pt" --axes 0:1:5 --formats png
          --out "${FOLDER}/line-layers")
landscape(2 error "--batch-norm = interpolate with --layers" ${job} --layers --batch-norm interpolate ${out})
landscape(0 out "layers: " ${job} --layers ${numbers} --axes -1:1:5 --share "${FOLDER}/layers-job"
          --out "${FOLDER}/shared-layers")
landscape(0 out "layers: " ${job} --layers ${numbers} --axes -1:1:5 --out "${FOLDER}/own-layers")
expect_same("${FOLDER}/own-layers" "${FOLDER}/shared-layers" landscape.json layer_1_w1.json)
if(EXISTS "${FOLDER}/own-layers/.tiles")
  message(FATAL_ERROR "--layers leaves tiles")
endif()

# An interrupted run keeps what it computed, and goes on to the same bytes.
find_program(bash bash)
if(bash)
  set(long ${job} --path loop --threads 1 --axes -1:1:80)
  landscape(0 out "open" ${long} --out "${FOLDER}/whole")
  # interrupt(signal): sends it as soon as something is kept.
  function(interrupt signal expected)
    string(REPLACE ";" "' '" words "${long}")
    execute_process(COMMAND "${bash}" -c "
        '${DESCENT}' landscape '${words}' --out '${FOLDER}/part' --resume & pid=$!
        before=$(ls '${FOLDER}/part/.tiles' 2>/dev/null | wc -l)
        until test $(ls '${FOLDER}/part/.tiles' 2>/dev/null | wc -l) -gt $((before + 20)); do
          kill -0 $pid || exit 99; sleep 0.01; done
        kill -${signal} $pid; wait $pid"
      RESULT_VARIABLE result OUTPUT_VARIABLE out ERROR_VARIABLE error)
    if(NOT result EQUAL expected OR EXISTS "${FOLDER}/part/landscape.json")
      message(FATAL_ERROR "after ${signal}: ${result}\n${out}${error}")
    endif()
    set(error "${error}" PARENT_SCOPE)
  endfunction()
  interrupt(KILL 137)
  interrupt(INT 130)
  if(NOT error MATCHES "^descent: interrupted; what was computed is kept in [^\n]*, and --resume goes on from there\n$")
    message(FATAL_ERROR "after an interrupt: ${error}")
  endif()
  landscape(2 error "holds what an interrupted run has computed: --resume goes on" ${long}
            --out "${FOLDER}/part")
  file(GLOB tiles "${FOLDER}/part/.tiles/*")
  list(GET tiles 3 tile)
  file(WRITE "${tile}" "damaged")
  landscape(0 out "open" ${long} --out "${FOLDER}/part" --resume)
  set(files landscape.csv landscape.gif landscape.html landscape.json landscape.npy landscape.png
      landscape.svg landscape.vtp)
  expect_files("${FOLDER}/part" ${files})
  expect_same("${FOLDER}/whole" "${FOLDER}/part" ${files})

  # A disk that is full after 64 KiB: what was computed is kept.
  string(REPLACE ";" "' '" words "${long}")
  execute_process(COMMAND "${bash}" -c "ulimit -f 64; '${DESCENT}' landscape '${words}' --out '${FOLDER}/full'"
                  RESULT_VARIABLE result OUTPUT_VARIABLE out ERROR_VARIABLE error)
  if(NOT result EQUAL 2 OR NOT EXISTS "${FOLDER}/full/.tiles" OR
     NOT error MATCHES "^descent: [^\n]*cannot write[^\n]*--resume goes on from there\n$")
    message(FATAL_ERROR "on a full disk: ${result}\n${out}${error}")
  endif()
  # Another run in the same folder: it takes none of these, and leaves them.
  set(other ${job} ${numbers} --path loop --axes -1:1:9 --seed 5)
  landscape(0 out "open" ${other} --out "${FOLDER}/other")
  landscape(0 out "another run has computed is still in" ${other} --out "${FOLDER}/full" --resume)
  expect_same("${FOLDER}/other" "${FOLDER}/full" landscape.json)
  landscape(0 out "open" ${long} ${numbers} --out "${FOLDER}/full" --resume)
  if(EXISTS "${FOLDER}/full/.tiles")
    message(FATAL_ERROR "tiles are left in ${FOLDER}/full")
  endif()
  expect_same("${FOLDER}/whole" "${FOLDER}/full" landscape.json)

  compute_together(landscape 40 whole "${long}" ${files})
endif()

# What Python exports.
if(PYTHON)
  execute_process(
    COMMAND "${CMAKE_COMMAND}" -E env "PYTHONPATH=${PYTHONPATH}" "${PYTHON}"
            "${CMAKE_CURRENT_LIST_DIR}/export.py" "${FOLDER}/python"
    RESULT_VARIABLE failed ERROR_VARIABLE error)
  if(failed)
    message(FATAL_ERROR "export.py: ${error}")
  endif()
  set(on_data --data "${FOLDER}/python/data.pt" --loss cross_entropy)
  set(python --model "${FOLDER}/python/net.pt" ${on_data} ${numbers} --axes -1:1:7)
  foreach(batch_norm IN ITEMS keep interpolate recompute batch)
    landscape(0 out "open" ${python} --batch-norm ${batch_norm} --out "${FOLDER}/python-${batch_norm}")
  endforeach()
  landscape(0 out "open" ${python} --plane "pca:${FOLDER}/python/snapshots"
            --out "${FOLDER}/python-pca")
  landscape(0 out "open" ${python}
            --plane "between:${FOLDER}/python/b.pt,${FOLDER}/python/c.pt"
            --out "${FOLDER}/python-between")
  landscape(2 error "path is fused, but" ${python} --path fused --out "${refused}/out")
  landscape(2 error "--log with nll = -" --model "${FOLDER}/python/net.pt"
            --data "${FOLDER}/python/data.pt" --loss nll --log --axes -1:1:5 --out "${refused}/out")
  file(REMOVE_RECURSE "${refused}/out")  # what was computed
  # One point has one value: what is said of the network is what the plane shows there, though the
  # way to compute that was chosen for the plane rounds otherwise.
  foreach(path IN ITEMS loop fused)
    set(exact --model "${FOLDER}/python/exact.pt" --data "${FOLDER}/python/exact_data.pt" --loss mse
        --path ${path} ${numbers} --axes -1:1:5 --out "${FOLDER}/exact-${path}")
    execute_process(COMMAND "${DESCENT}" landscape ${exact} OUTPUT_VARIABLE out
                    RESULT_VARIABLE result)
    if(NOT out MATCHES "mse: ([^ ]+) at the network; least ([^ ]+) at alpha = 0, beta = 0\n" OR
       NOT CMAKE_MATCH_1 STREQUAL CMAKE_MATCH_2)
      message(FATAL_ERROR "--path ${path}: ${result}\n${out}")
    endif()
  endforeach()
  # A run that has nothing to show says so by its status, and leaves its numbers.
  set(infinite --model "${FOLDER}/python/net.pt" --data "${FOLDER}/python/infinite.pt"
      --loss cross_entropy --axes -1:1:3)
  landscape(1 out "no value on the plane is finite.*open [^\n]*landscape.csv"
            ${infinite} --out "${FOLDER}/holes")
  landscape(1 error "^descent: no value of cross_entropy on the plane is finite; the numbers are in [^\n]*/holes\n$"
            ${infinite} --out "${FOLDER}/holes" --force)
  landscape(1 error "no value of cross_entropy on the plane is finite" ${infinite}
            --plane "pca:${FOLDER}/python/snapshots" --out "${FOLDER}/holes-pca")
  expect_files("${FOLDER}/holes-pca" landscape.csv landscape.json landscape.npy landscape.vtp
               projection.csv projection.json trajectory.csv trajectory.json trajectory.vtp)
  # The same network of torch.export, and its weights apart from it.
  set(files "${FOLDER}/python")
  foreach(kind IN ITEMS pt pt2)
    set(exported --model "${FOLDER}/python/net.${kind}" ${on_data} ${numbers} --axes -1:1:5)
    execute_process(COMMAND "${DESCENT}" landscape ${exported} --out "${FOLDER}/python-${kind}" --curvature
                    OUTPUT_VARIABLE out RESULT_VARIABLE result)
    if(NOT out MATCHES "cross_entropy: ([^ ]+) at the network; least ([^ ]+) at")
      message(FATAL_ERROR "net.${kind}: ${result}\n${out}")
    endif()
    set(values_${kind} "${CMAKE_MATCH_1} ${CMAKE_MATCH_2}")
  endforeach()
  if(NOT values_pt STREQUAL values_pt2)
    message(FATAL_ERROR "net.pt: ${values_pt}, net.pt2: ${values_pt2}")
  endif()
  foreach(batch_norm IN ITEMS interpolate recompute batch)
    landscape(0 out "open" ${exported} --batch-norm ${batch_norm} --out "${FOLDER}/pt2-${batch_norm}")
  endforeach()
  landscape(0 out "open" ${exported} --plane "pca:${FOLDER}/python/snapshots" --out "${FOLDER}/pt2-pca")
  set(checkpoints "${FOLDER}/python/transformers")
  landscape(0 out "open" ${exported} --plane "pca:${checkpoints}" --out "${FOLDER}/pt2-checkpoints")
  # Another network, or other weights of this one, are the same line and the same plane, its buffers and
  # its marks' losses included. An export folds its batch normalisation, which rounds otherwise, so its
  # digits are those that are printed.
  set(formats_line csv)
  set(formats_between html,csv)
  foreach(model IN ITEMS net.pt2 net.pt)
    unset(seen_line)
    unset(seen_between)
    foreach(other IN ITEMS "b.pt2" "b_weights.pt" "transformers/checkpoint-2" "transformers/checkpoint-2/model.safetensors")
      foreach(plane IN ITEMS "line:${files}/${other}" "between:${files}/${other},${files}/c_weights.pt")
        string(REGEX MATCH "^[a-z]*" kind "${plane}")
        if("${plane}" MATCHES "between.*transformers")
          continue()
        endif()
        execute_process(COMMAND "${DESCENT}" landscape --model "${files}/${model}" ${on_data} --formats ${formats_${kind}}
                                --batch-norm interpolate --plane "${plane}" --axes 0:1:3 --out "${FOLDER}/${kind}" --force
                        OUTPUT_VARIABLE out RESULT_VARIABLE result ERROR_VARIABLE error)
        if(NOT out MATCHES "(cross_entropy: [^\n]*)")
          message(FATAL_ERROR "${model} ${plane}: ${result}\n${out}${error}")
        endif()
        set(values "${CMAKE_MATCH_1}")
        if(DEFINED printed_${kind} AND NOT printed_${kind} STREQUAL values)
          message(FATAL_ERROR "${model} ${plane}: ${values}, before ${printed_${kind}}")
        endif()
        set(printed_${kind} "${values}")
        file(READ "${FOLDER}/${kind}/landscape.csv" numbers_there)
        string(APPEND values "\n${numbers_there}")
        if("${kind}" STREQUAL "between")
          file(READ "${FOLDER}/between/landscape.html" page)
          string(REGEX MATCH "\"tracks\":[^\n]*" tracks "${page}")
          string(APPEND values "${tracks}")
        endif()
        if(DEFINED seen_${kind} AND NOT seen_${kind} STREQUAL values)
          message(FATAL_ERROR "${model} ${plane}: ${values}, before ${seen_${kind}}")
        endif()
        set(seen_${kind} "${values}")
      endforeach()
    endforeach()
  endforeach()
  landscape(2 error "missing are 0.bias, .*too much are 1.weight, .*num_batches" --model "${files}/exact.pt" --data "${files}/exact_data.pt"
            --loss mse --plane "line:${files}/b_weights.pt" --out "${refused}/out")
  landscape(2 error "none.pt" ${exported} --plane "line:none.pt" --out "${refused}/out")
  # With the weights of another network it is that one.
  foreach(file IN ITEMS b net)
    set(arguments)
    if("${file}" STREQUAL "net")
      set(arguments --weights "${checkpoints}/checkpoint-2")
    endif()
    execute_process(COMMAND "${DESCENT}" landscape --model "${FOLDER}/python/${file}.pt2" ${arguments} ${on_data}
                            ${numbers} --axes 0:0:1 --out "${FOLDER}/pt2-weights" --force
                    OUTPUT_VARIABLE out RESULT_VARIABLE result ERROR_VARIABLE error)
    if(NOT out MATCHES "(cross_entropy: [^ ]*)")
      message(FATAL_ERROR "${file} ${arguments}: ${result}\n${out}${error}")
    endif()
    if(DEFINED weighted AND NOT weighted STREQUAL CMAKE_MATCH_1)
      message(FATAL_ERROR "${file} ${arguments}: ${result}, before ${weighted}\n${out}${error}")
    endif()
    set(weighted "${CMAKE_MATCH_1}")
  endforeach()
  landscape(2 error "missing are 0.bias, 2.weight, 2.bias; too much are 1.bias"
            --model "${FOLDER}/python/exact.pt" ${on_data}
            --weights "${checkpoints}/checkpoint-2" --out "${refused}/out")
  set(several --model "${FOLDER}/python/several.pt2" --data "${FOLDER}/python/exact_data.pt" --loss mse ${numbers} --axes -1:1:3)
  landscape(2 error "2 tensors as outputs \\(0, 1\\): say which.*--output" ${several} --out "${refused}/out")
  landscape(0 out "open" ${several} --output 0 --out "${FOLDER}/several")
  # The same numbers from each kind of file.
  function(same_value variable)
    execute_process(COMMAND "${DESCENT}" landscape ${numbers} --axes -1:1:3 ${ARGN} --out "${FOLDER}/same" --force
                    OUTPUT_VARIABLE out RESULT_VARIABLE result ERROR_VARIABLE error)
    if(NOT out MATCHES "[a-z_]*: ([^ ]* at the network; least [^ ]*)")
      message(FATAL_ERROR "${ARGN}: ${result}\n${out}${error}")
    endif()
    if(DEFINED ${variable} AND NOT ${variable} STREQUAL CMAKE_MATCH_1)
      message(FATAL_ERROR "${ARGN}: ${result}, before ${${variable}}\n${out}${error}")
    endif()
    set(${variable} "${CMAKE_MATCH_1}" PARENT_SCOPE)
  endfunction()
  set(on_net --model "${files}/net.pt2" --loss cross_entropy)
  foreach(data IN ITEMS "${files}/data.npz" "${files}/x.npy,${files}/y.npy")
    same_value(of_arrays ${on_net} --data "${data}")
  endforeach()
  landscape(2 error "must be two: --data x.npy,y.npy" ${on_net} --data "${files}/x.npy" --out "${refused}/out")
  same_value(of_bytes ${on_net} --data "${files}/scaled.pt")
  same_value(of_bytes ${on_net} --data "${files}/bytes.pt" --scale 1/255)
  landscape(2 error "is Byte, .*--scale 1/255" ${on_net} --data "${files}/bytes.pt" --out "${refused}/out")
  landscape(2 error "--scale = 1/x, must be a number" ${on_net} --data "${files}/bytes.pt" --scale 1/x --out "${refused}/out")
  landscape(2 error "--scale = 1e300/1e-300, must be a number" ${on_net} --data "${files}/bytes.pt" --scale 1e300/1e-300
            --out "${refused}/out")
  # An export for batches of 20 has 50 samples in three, where that is the same.
  set(on_fifty --data "${files}/fifty.pt" --loss mse)
  foreach(path IN ITEMS auto loop)
    foreach(model IN ITEMS of_any of_20)
      same_value(of_fifty --model "${files}/${model}.pt2" ${on_fifty} --path ${path} --curvature)
    endforeach()
  endforeach()
  landscape(2 error "exported for batches of 20 samples and predicts otherwise for a sample where others stand beside it, .* make of 50: give the data as batches of 20"
            --model "${files}/centred.pt2" ${on_fifty} --out "${refused}/out")
  landscape(2 error "does not give a prediction for each sample" --model "${files}/mean.pt2" --data "${files}/fifty.pt"
            --loss output --out "${refused}/out")
  # A network that takes several inputs and computes its loss.
  set(inputs --model "${files}/with_loss.pt2" --data "${files}/inputs.pt")
  same_value(of_loss ${inputs} --loss cross_entropy)
  same_value(of_loss ${inputs} --loss output --output loss)
  landscape(2 error "must be one number, the loss" ${inputs} --loss output --out "${refused}/out")
  landscape(2 error "no output 'los', allowed are loss, logits, did you mean loss" ${inputs} --loss output
            --output los --out "${refused}/out")
  # Only a part of the parameters moves.
  foreach(pattern IN ITEMS "head.*" "h*a*.*")
    landscape(0 out "1 of 3 parameters frozen" ${inputs} --loss cross_entropy --parameters "${pattern}"
              ${numbers} --axes -1:1:3 --out "${FOLDER}/head" --force)
  endforeach()
  # Tied weights move by any of their names.
  set(tokens --model "${NETWORK_FILES}/tokens_eval.pt2" --data "${files}/tokens.pt" --loss mse ${numbers} --axes -1:1:3)
  foreach(pattern IN ITEMS "embed.*" "head.*")
    landscape(0 out "15 of 16 parameters frozen" ${tokens} --parameters "${pattern}" --out "${FOLDER}/tied" --force)
  endforeach()
  landscape(0 out "where only 4.\\* moves" --model "${FOLDER}/python/net.pt2" ${on_data} --parameters "4.*"
            --plane "line:${checkpoints}/checkpoint-2" ${numbers} --axes 0:1:3 --out "${FOLDER}/line-of-a-part")
  landscape(2 error "--parameters = tail.* fits no parameter; there are embed.weight, head.weight, head.bias"
            ${inputs} --loss cross_entropy --parameters "tail.*" --out "${refused}/out")
  foreach(pattern IN ITEMS "head.bias*s" "*.*x*" "head.**w")
    landscape(2 error "fits no parameter" ${inputs} --loss cross_entropy --parameters "${pattern}" --out "${refused}/out")
  endforeach()
  set(custom --model "${NETWORK_FILES}/custom.pt2" --data "${FOLDER}/python/custom_data.pt" --loss mse ${numbers} --axes -1:1:3)
  landscape(2 error "descent_tests::twice .*is not registered.*--library" ${custom} --out "${refused}/out")
  landscape(2 error "--library = none.so cannot be loaded" ${custom} --library none.so --out "${refused}/out")
  landscape(0 out "open" ${custom} --library "${CUSTOM_LIBRARY}" --out "${FOLDER}/custom")
  landscape(2 error "state_dict" --model "${FOLDER}/python/snapshots/00000000.pt"
            --data "${FOLDER}/python/data.pt" --loss mse --out "${refused}/out")
  expect_empty("${refused}")
endif()
