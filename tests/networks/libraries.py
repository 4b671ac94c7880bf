"""Exports networks of timm and transformers, small and of random weights, as exports.py does its own:
libraries.py FOLDER [NAME...]. Each is exported in train and in eval mode, and where Python itself cannot, that
is printed. Exits with 77 where the libraries are not installed.
"""
import sys
import warnings

import torch
from torch import nn

warnings.filterwarnings("ignore")
try:
    try:
        import torchvision  # noqa: F401, which timm imports
    except RuntimeError:  # built for another PyTorch: its operations are missing, which timm does not use
        for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
            del sys.modules[name]
        missing = torch.library.Library("torchvision", "DEF")
        missing.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        register_fake = torch.library.register_fake
        torch.library.register_fake = lambda op, *args, **kwargs: (
            (lambda f: f) if isinstance(op, str) and op.startswith("torchvision::") and op != "torchvision::nms"
            else register_fake(op, *args, **kwargs))
    import timm
    import transformers
except ImportError as error:
    print(error)
    sys.exit(77)
import exports


class Output(nn.Module):
    """A network of transformers that gives one of its outputs."""

    def __init__(self, network, name="logits"):
        super().__init__()
        self.network = network
        self.name = name

    def forward(self, **inputs):
        return self.network(**inputs)[self.name]


def images(count, size):
    return torch.randn(count, 3, size, size, generator=torch.Generator().manual_seed(1))


# Names of timm, their options and the side of the images.
TIMM = {
    "beit_base_patch16_224": (dict(img_size=64, depth=2, embed_dim=48, num_heads=4), 64),
    "coat_lite_tiny": (dict(img_size=64), 64),
    "convnext_atto": (dict(drop_path_rate=0.1), 64),
    "deit_tiny_distilled_patch16_224": (dict(img_size=64, depth=2), 64),
    "densenet121": (dict(growth_rate=8, block_config=(2, 2, 2, 2)), 64),
    "edgenext_xx_small": ({}, 64),
    "efficientnet_b0": (dict(drop_path_rate=0.2), 64),
    "eva02_tiny_patch14_224": (dict(img_size=56, depth=2), 56),
    "fastvit_t8": ({}, 64),
    "ghostnet_050": ({}, 64),
    "hrnet_w18_small": ({}, 64),
    "inception_v3": ({}, 96),
    "levit_128s": ({}, 224),
    "maxvit_rmlp_pico_rw_256": (dict(img_size=64), 64),
    "mixer_s32_224": (dict(img_size=64), 64),
    "mobilenetv3_small_050": ({}, 64),
    "mobilevit_xxs": ({}, 64),
    "nf_resnet50": ({}, 64),
    "poolformer_s12": ({}, 64),
    "regnetx_002": ({}, 64),
    "repvgg_a0": ({}, 64),
    "resnet10t": ({}, 64),
    "resnext26ts": ({}, 64),
    "swin_tiny_patch4_window7_224": (
        dict(img_size=64, window_size=4, embed_dim=24, depths=(1, 1), num_heads=(2, 2)), 64),
    "tiny_vit_5m_224": ({}, 64),
    "vgg11_bn": ({}, 64),
    "xcit_nano_12_p16_224": (dict(depth=2), 64),
}

TINY = dict(vocab_size=100, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64,
            max_position_embeddings=64, pad_token_id=0, bos_token_id=1, eos_token_id=2)
CLASSIC = dict(vocab_size=100, max_position_embeddings=64)
VISION = dict(hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64, image_size=32,
              patch_size=8)
AUDIO = dict(vocab_size=30, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64,
             conv_dim=(16, 16), conv_stride=(4, 4), conv_kernel=(8, 8), num_conv_pos_embeddings=8,
             num_conv_pos_embedding_groups=4, mask_time_prob=0.0, layerdrop=0.0)
SPEECH = dict(vocab_size=100, d_model=32, encoder_layers=2, decoder_layers=2, encoder_attention_heads=4,
              decoder_attention_heads=4, encoder_ffn_dim=64, decoder_ffn_dim=64, num_mel_bins=8,
              max_source_positions=20, max_target_positions=20, use_cache=False, pad_token_id=0, bos_token_id=1,
              eos_token_id=2, decoder_start_token_id=1, suppress_tokens=None, begin_suppress_tokens=None)
GPT2 = dict(vocab_size=100, n_positions=64, n_embd=32, n_layer=2, n_head=4)
IDS = torch.randint(3, 99, (2, 10), generator=torch.Generator().manual_seed(1))
TEXT = {"input_ids": IDS, "attention_mask": torch.ones_like(IDS)}
SEQUENCES = {"input_ids": IDS, "decoder_input_ids": IDS}


def random(*sizes):
    return torch.randn(*sizes, generator=torch.Generator().manual_seed(1))


# The model's class, its configuration's, the options of that, inputs, and the output that is taken.
TRANSFORMERS = {
    "albert": ("AlbertForMaskedLM", "AlbertConfig", dict(embedding_size=16, **TINY), TEXT, "logits"),
    "bloom": ("BloomForCausalLM", "BloomConfig",
              dict(vocab_size=100, hidden_size=32, n_layer=2, n_head=4, use_cache=False), TEXT, "logits"),
    "clip": ("CLIPModel", "CLIPConfig", dict(text_config=TINY, vision_config=VISION, projection_dim=16),
             {"input_ids": IDS, "pixel_values": random(2, 3, 32, 32)}, "logits_per_image"),
    "deberta_v2": ("DebertaV2ForSequenceClassification", "DebertaV2Config",
                   dict(relative_attention=True, pos_att_type=["c2p", "p2c"], **TINY), TEXT, "logits"),
    "distilbert": ("DistilBertForSequenceClassification", "DistilBertConfig",
                   dict(dim=32, n_layers=2, n_heads=4, hidden_dim=64, **CLASSIC), TEXT, "logits"),
    "electra": ("ElectraForSequenceClassification", "ElectraConfig", dict(embedding_size=32, **TINY), TEXT,
                "logits"),
    "gemma2": ("Gemma2ForCausalLM", "Gemma2Config", dict(num_key_value_heads=2, head_dim=8, use_cache=False, **TINY),
               TEXT, "logits"),
    "gpt2_cache": ("GPT2LMHeadModel", "GPT2Config", GPT2, TEXT, "logits"),
    "gpt_neox": ("GPTNeoXForCausalLM", "GPTNeoXConfig", dict(use_cache=False, **TINY), TEXT, "logits"),
    "mamba": ("MambaForCausalLM", "MambaConfig",
              dict(vocab_size=100, hidden_size=32, num_hidden_layers=2, state_size=4, use_cache=False), TEXT,
              "logits"),
    "mistral": ("MistralForCausalLM", "MistralConfig", dict(num_key_value_heads=2, use_cache=False, **TINY), TEXT,
                "logits"),
    "opt": ("OPTForCausalLM", "OPTConfig",
            dict(hidden_size=32, num_hidden_layers=2, num_attention_heads=4, ffn_dim=64, word_embed_proj_dim=32,
                 use_cache=False, pad_token_id=0, **CLASSIC), TEXT, "logits"),
    "qwen2": ("Qwen2ForCausalLM", "Qwen2Config", dict(num_key_value_heads=2, use_cache=False, **TINY), TEXT,
              "logits"),
    "roberta": ("RobertaForMaskedLM", "RobertaConfig", TINY, TEXT, "logits"),
    "t5": ("T5ForConditionalGeneration", "T5Config",
           dict(vocab_size=100, d_model=32, d_kv=8, d_ff=64, num_layers=2, num_heads=4, use_cache=False,
                decoder_start_token_id=0), SEQUENCES, "logits"),
    "vit": ("ViTForImageClassification", "ViTConfig", VISION, {"pixel_values": random(2, 3, 32, 32)}, "logits"),
    "wav2vec2": ("Wav2Vec2ForCTC", "Wav2Vec2Config", AUDIO, {"input_values": random(2, 800)}, "logits"),
    "whisper": ("WhisperForConditionalGeneration", "WhisperConfig", SPEECH,
                {"input_features": random(2, 8, 40), "decoder_input_ids": IDS}, "logits"),
}


def networks():
    """A function that makes each, its arguments and its inputs by name."""
    for name, (options, size) in TIMM.items():
        yield (f"timm_{name}", lambda name=name, options=options: timm.create_model(name, num_classes=10, **options),
               (images(2, size),), {})
    for name, (model, config, options, inputs, output) in TRANSFORMERS.items():
        yield (f"transformers_{name}",
               lambda model=model, config=config, options=options, output=output: Output(
                   getattr(transformers, model)(getattr(transformers, config)(**options)), output),
               (), inputs)


for name, make, args, kwargs in networks():
    if sys.argv[2:] and name not in sys.argv[2:]:
        continue
    for mode in ["eval", "train"]:
        try:
            net = exports.seeded(make, double=False).train(mode == "train")
            exports.write(f"{name}_{mode}", net, args, kwargs)
        except Exception as error:
            (exports.folder / f"{name}_{mode}.pt2").unlink(missing_ok=True)
            print(f"{name}_{mode}: {type(error).__name__}: {' '.join(str(error).split())[:300]}", flush=True)
