# What `descent map` writes, prints, refuses and resumes. DESCENT is the program, NETWORK_FILE the example
# that writes a network for it, FOLDER is the test's own.
include("${CMAKE_CURRENT_LIST_DIR}/descent.cmake")
start_with_sine_network()
set(net --model "${FOLDER}/net/start.pt" --data "${FOLDER}/net/data.pt" --loss mse)
function(map status stream expected)
  descent(${status} ${stream} "${expected}" map ${ARGN})
endfunction()

map(0 out "--axes .*NAME=log:LO:HI.*--resume" --help)

# What is refused leaves nothing.
set(refused "${FOLDER}/refused")
file(MAKE_DIRECTORY "${refused}")
set(out --out "${refused}/out")
map(2 error "--model is required" ${out})
map(2 error "must be two axes with a comma between" ${net} --axes lr=log:0.1:1 ${out})
map(2 error "must end in a number of points" ${net} --axes lr=log:0.1:1:x,scale=log:0.1:1 ${out})
map(2 error "must be of a scale log or range" ${net} --axes lr=integer:1:4,scale=log:0.1:1 ${out})
map(2 error "did you mean momentum" ${net} --axes lr=log:0.1:1:4,momentun=range:0:0.9:4 ${out})
map(2 error "has lr = 1, which is an axis" ${net} --optimizer sgd:lr=1 --axes lr=log:0.1:1:4,scale=log:0.1:1:4 ${out})
map(2 error "must be X:Y:SHARE:FRAMES" ${net} --zoom 1:1:2:4 ${out})
map(2 error "--zoom: 1000 is not between the ends of the axis lr" ${net} --zoom 1000:1:0.1:4 ${out})
map(2 error "both axes are lr" ${net} --axes lr=log:0.1:1:4,lr=log:0.1:1:4 ${out})
map(2 error "sgdd, did you mean sgd" ${net} --optimizer sgdd ${out})
map(2 error "--loss = accuracy, must be mse, l1" --model "${FOLDER}/net/start.pt" --data "${FOLDER}/net/data.pt"
    --loss accuracy ${out})
expect_empty("${refused}")

# The same bytes for any number of threads.
set(job ${net} --optimizer sgd:momentum=0.5 --axes lr=log:0.001:10:12,scale=log:0.3:3:8 --steps 25)
map(0 out "map     SGD, 25 steps.*path    fused: a chain of .*check   3 trainings equal.*least   .*open .*map.png"
    ${job} --threads 1 --out "${FOLDER}/one")
expect_files("${FOLDER}/one" diverged.json loss.json map.png map.svg)
map(2 error "holds files already" ${job} --out "${FOLDER}/one")
map(0 out "open" ${net} --axes w1.lr=log:0.01:1:3,w3.lr=log:0.01:1:3 --steps 3 --out "${FOLDER}/layers")
map(0 out "open" ${job} --threads 3 --out "${FOLDER}/three")
expect_same("${FOLDER}/one" "${FOLDER}/three" map.png map.svg)

# A network of torch.export, as it is in training mode.
map(0 out "open" --model "${NETWORK_FILES}/guide_plain.pt2" --data "${FOLDER}/net/data.pt" --loss mse
    --axes lr=log:0.01:1:3,0.lr=log:0.01:1:3 --steps 3 --out "${FOLDER}/pt2")
map(2 error "draws random numbers" --model "${NETWORK_FILES}/guide_eval.pt2" --data "${FOLDER}/net/data.pt" --loss mse
    --axes lr=log:0.01:1:3,scale=log:0.3:3:3 --steps 3 --out "${refused}/out")

# Maps of narrower and narrower windows are a film.
map(0 out "time .* s for 480 trainings\nopen .*zoom.gif" ${job} --zoom 0.5:1:0.1:5 --out "${FOLDER}/zoom")
expect_files("${FOLDER}/zoom" diverged.json loss.json map.png map.svg zoom.gif)
expect_same("${FOLDER}/one" "${FOLDER}/zoom" loss.json diverged.json)

# Of an interrupted map the rest is trained, and the whole is the same.
find_program(bash bash)
if(bash)
  set(long ${net} --axes lr=log:0.001:10:40,scale=log:0.3:3:40 --steps 100 --threads 1)
  string(REPLACE ";" "' '" words "${long}")
  function(interrupt signal expected)
    execute_process(COMMAND "${bash}" -c "
        '${DESCENT}' map '${words}' --out '${FOLDER}/part' --resume & pid=$!
        before=$(ls '${FOLDER}/part/.tiles' 2>/dev/null | wc -l)
        until test $(ls '${FOLDER}/part/.tiles' 2>/dev/null | wc -l) -gt $((before + 5)); do
          kill -0 $pid || exit 99; sleep 0.02; done
        kill -${signal} $pid; wait $pid"
      RESULT_VARIABLE result OUTPUT_VARIABLE out ERROR_VARIABLE error)
    if(NOT result EQUAL expected)
      message(FATAL_ERROR "after ${signal}: ${result}\n${out}${error}")
    endif()
    set(error "${error}" PARENT_SCOPE)
  endfunction()
  interrupt(KILL 137)
  map(2 error "holds what an interrupted run has computed: --resume goes on" ${long}
      --out "${FOLDER}/part")
  interrupt(INT 130)
  if(NOT error MATCHES "^descent: interrupted; what was computed is kept in [^\n]*, and --resume goes on from there\n$")
    message(FATAL_ERROR "after an interrupt: ${error}")
  endif()
  map(0 out "open" ${long} --out "${FOLDER}/part" --resume)
  expect_files("${FOLDER}/part" diverged.json loss.json map.png map.svg)
  map(0 out "open" ${long} --out "${FOLDER}/whole")
  expect_same("${FOLDER}/part" "${FOLDER}/whole" loss.json diverged.json map.png map.svg)
  compute_together(map 20 whole "${long}" diverged.json loss.json map.png map.svg)
endif()
